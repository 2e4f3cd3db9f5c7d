// Pairs of real WireGuard devices (wireguard-go, the userspace implementation), without a TUN device and without
// root: packets are made and taken here, and the pair's UDP packets cross a link that can be delayed and cut.
//
// Orders are one JSON document in the file that is named; what happens goes to standard output, one JSON line for
// each event, times in seconds since the start. The program ends when every pair has.
package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/tuntest"
)

type orders struct {
	Fault     string     `json:"fault"` // partition, partition-one-way (side 1 is not heard), restart (of side 1)
	Interval  float64    `json:"interval_s"`
	Delay     float64    `json:"delay_s"`
	Jitter    float64    `json:"jitter_s"`
	Keepalive int        `json:"keepalive_s"`
	Pairs     []schedule `json:"pairs"`
}

// schedule says when a pair starts, is hit, is healed, and ends.
type schedule struct {
	Start float64 `json:"start"` // of side 0
	Join  float64 `json:"join"`  // of side 1
	Cut   float64 `json:"cut"`
	Heal  float64 `json:"heal"`
	End   float64 `json:"end"`
}

type event struct {
	Pair int     `json:"pair"`
	Side int     `json:"side"`
	Kind string  `json:"kind"`
	T    float64 `json:"t"`
	From float64 `json:"from,omitempty"` // of "resumed": when the packet before came
}

var (
	began  = time.Now()
	output sync.Mutex
	writer = json.NewEncoder(os.Stdout)
)

func now() float64 { return time.Since(began).Seconds() }

func tell(e event) {
	output.Lock()
	defer output.Unlock()
	if writer.Encode(e) != nil {
		os.Exit(1) // nobody reads any more
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func sleepUntil(t float64) { time.Sleep(seconds(t) - time.Since(began)) }

// told are the lines of wireguard-go's log that matter, by the beginning of their format.
var told = []struct{ format, kind string }{
	{"%v - Sending handshake initiation", "initiation"},
	{"%v - Received handshake response", "handshake"},
	{"%s - Handshake did not complete after %d attempts", "gave-up"},
	{"%s - Handshake did not complete after %d seconds", "retry"},
	{"%s - Retrying handshake because we stopped hearing back", "noticed"},
	{"%s - Removing all keys", "keys-removed"},
}

// side is one end of a pair: a device that can be started again with the same key.
type side struct {
	pair, number  int
	link          *link
	private, peer string
	keepalive     int
	device        *device.Device
	tun           *tuntest.ChannelTUN
	stop          chan struct{}
}

func (s *side) start(interval time.Duration) error {
	logger := &device.Logger{
		Verbosef: func(format string, _ ...any) {
			for _, line := range told {
				if strings.HasPrefix(format, line.format) {
					tell(event{Pair: s.pair, Side: s.number, Kind: line.kind, T: now()})
					return
				}
			}
		},
		Errorf: func(string, ...any) {},
	}
	s.tun, s.stop = tuntest.NewChannelTUN(), make(chan struct{})
	opened := func(address *net.UDPAddr) { s.link.devices[s.number].Store(address) }
	s.device = device.NewDevice(s.tun.TUN(), &bind{opened: opened}, logger)
	settings := fmt.Sprintf(
		"private_key=%s\nlisten_port=0\npublic_key=%s\nendpoint=%s\nallowed_ip=0.0.0.0/0\npersistent_keepalive_interval=%d\n",
		s.private, s.peer, s.link.sockets[s.number].LocalAddr(), s.keepalive)
	if err := s.device.IpcSet(settings); err != nil {
		return err
	}
	tell(event{Pair: s.pair, Side: s.number, Kind: "up", T: now()})
	if err := s.device.Up(); err != nil {
		return err
	}
	go s.send(interval, s.tun, s.stop)
	go s.receive(interval, s.tun, s.stop)
	return nil
}

func (s *side) end() {
	close(s.stop)
	s.link.devices[s.number].Store(nil)
	s.device.Close()
}

func (s *side) send(interval time.Duration, tun *tuntest.ChannelTUN, stop chan struct{}) {
	packet := make([]byte, 28) // an IPv4 header and 8 bytes
	packet[0], packet[8], packet[9] = 0x45, 64, 253
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	copy(packet[12:], []byte{10, 0, 0, byte(1 + s.number)})
	copy(packet[16:], []byte{10, 0, 0, byte(2 - s.number)})
	for due := time.Now(); ; due = due.Add(interval) {
		select {
		case <-stop:
			return
		case <-time.After(time.Until(due)):
		}
		select {
		case <-stop:
			return
		case tun.Outbound <- append([]byte(nil), packet...):
		}
	}
}

// receive tells when packets come again after none had come for three times as long as they are sent apart.
func (s *side) receive(interval time.Duration, tun *tuntest.ChannelTUN, stop chan struct{}) {
	last := -1.0
	for {
		select {
		case <-stop:
			tell(event{Pair: s.pair, Side: s.number, Kind: "last", T: last})
			return
		case <-tun.Inbound:
			t := now()
			if last < 0 || t-last > 3*interval.Seconds() {
				tell(event{Pair: s.pair, Side: s.number, Kind: "resumed", T: t, From: last})
			}
			last = t
		}
	}
}

func keys() (private, public string, err error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	return hex.EncodeToString(key.Bytes()), hex.EncodeToString(key.PublicKey().Bytes()), nil
}

func run(number int, o orders) error {
	plan, interval := o.Pairs[number], seconds(o.Interval)
	link, err := newLink(seconds(o.Delay), seconds(o.Jitter))
	if err != nil {
		return err
	}
	defer link.close()
	var sides [2]*side
	var publics [2]string
	for s := range sides {
		sides[s] = &side{pair: number, number: s, link: link, keepalive: o.Keepalive}
		if sides[s].private, publics[s], err = keys(); err != nil {
			return err
		}
	}
	sides[0].peer, sides[1].peer = publics[1], publics[0]
	for number, at := range []float64{plan.Start, plan.Join} {
		sleepUntil(at)
		if err := sides[number].start(interval); err != nil {
			return err
		}
		defer func() { sides[number].end() }()
	}
	sleepUntil(plan.Cut)
	tell(event{Pair: number, Kind: "cut", T: now()})
	if o.Fault == "restart" {
		sides[1].end()
		sleepUntil(plan.Heal)
		tell(event{Pair: number, Kind: "heal", T: now()})
		if err := sides[1].start(interval); err != nil {
			return err
		}
	} else {
		link.cut[1].Store(true)
		link.cut[0].Store(o.Fault == "partition")
		sleepUntil(plan.Heal)
		link.cut[0].Store(false)
		link.cut[1].Store(false)
		tell(event{Pair: number, Kind: "heal", T: now()})
	}
	sleepUntil(plan.End)
	return nil
}

func main() {
	var o orders
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pairs ORDERS.json")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(2)
	}
	began = time.Now()
	var all sync.WaitGroup
	for number := range o.Pairs {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := run(number, o); err != nil {
				fmt.Fprintln(os.Stderr, "pair", number, err)
				os.Exit(2)
			}
		}()
	}
	all.Wait()
}
