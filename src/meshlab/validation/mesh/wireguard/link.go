package main

import (
	"math/rand"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/conn"
)

// link carries the UDP packets of one pair between loopback sockets: each direction delayed, or cut.
// Side 0 sends to sockets[0] and hears from it; side 1 likewise with sockets[1].
type link struct {
	sockets       [2]*net.UDPConn
	devices       [2]atomic.Pointer[net.UDPAddr] // where each side listens; nil while it is off
	cut           [2]atomic.Bool                 // cut[s]: what side s sends does not arrive
	delay, jitter time.Duration
}

func newLink(delay, jitter time.Duration) (*link, error) {
	l := &link{delay: delay, jitter: jitter}
	for s := range l.sockets {
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		l.sockets[s] = socket
	}
	go l.carry(0)
	go l.carry(1)
	return l, nil
}

func (l *link) carry(from int) {
	buffer := make([]byte, 2048)
	for {
		n, _, err := l.sockets[from].ReadFromUDP(buffer)
		if err != nil {
			return
		}
		if l.cut[from].Load() {
			continue
		}
		packet := append([]byte(nil), buffer[:n]...)
		wait := l.delay
		if l.jitter > 0 {
			wait += time.Duration((2*rand.Float64() - 1) * float64(l.jitter))
		}
		if wait <= 0 {
			l.deliver(1-from, packet)
		} else {
			time.AfterFunc(wait, func() { l.deliver(1-from, packet) })
		}
	}
}

func (l *link) deliver(to int, packet []byte) {
	if address := l.devices[to].Load(); address != nil {
		l.sockets[to].WriteToUDP(packet, address)
	}
}

func (l *link) close() {
	for _, socket := range l.sockets {
		socket.Close()
	}
}

// bind is a WireGuard device's UDP socket, on loopback only.
type bind struct {
	socket *net.UDPConn
	opened func(*net.UDPAddr)
}

type endpoint struct{ netip.AddrPort }

func (e endpoint) ClearSrc()           {}
func (e endpoint) SrcToString() string { return "" }
func (e endpoint) DstToString() string { return e.AddrPort.String() }
func (e endpoint) DstToBytes() []byte  { b, _ := e.AddrPort.MarshalBinary(); return b }
func (e endpoint) DstIP() netip.Addr   { return e.AddrPort.Addr() }
func (e endpoint) SrcIP() netip.Addr   { return netip.Addr{} }

func (b *bind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		return nil, 0, err
	}
	b.socket = socket
	address := socket.LocalAddr().(*net.UDPAddr)
	b.opened(address)
	receive := func(packets [][]byte, sizes []int, endpoints []conn.Endpoint) (int, error) {
		n, from, err := socket.ReadFromUDPAddrPort(packets[0])
		if err != nil {
			return 0, net.ErrClosed
		}
		sizes[0], endpoints[0] = n, endpoint{from}
		return 1, nil
	}
	return []conn.ReceiveFunc{receive}, uint16(address.Port), nil
}

func (b *bind) Close() error {
	if b.socket == nil {
		return nil
	}
	err := b.socket.Close()
	b.socket = nil
	return err
}

func (b *bind) Send(packets [][]byte, to conn.Endpoint) error {
	socket := b.socket
	if socket == nil {
		return net.ErrClosed
	}
	for _, packet := range packets {
		if _, err := socket.WriteToUDPAddrPort(packet, to.(endpoint).AddrPort); err != nil {
			return err
		}
	}
	return nil
}

func (b *bind) ParseEndpoint(text string) (conn.Endpoint, error) {
	address, err := netip.ParseAddrPort(text)
	return endpoint{address}, err
}

func (b *bind) SetMark(uint32) error { return nil }
func (b *bind) BatchSize() int       { return 1 }
