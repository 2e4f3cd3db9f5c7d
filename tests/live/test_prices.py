"""The AWS Pricing API through boto3, against a small server that answers in its form."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from meshlab.live.aws.prices import live_prices
from meshlab.live.aws.session import AwsSession
from meshlab.model.errors import LiveError
from meshlab.model.spec import reference
from meshlab.planning import monthly_cost

PRICES = {"m6i.xlarge": "0.2000000000", "gp3": "0.0850000000", "io2": "0.1300000000"}


class Pricing(BaseHTTPRequestHandler):
    """AWSPriceListService.GetProducts: products of one offer each, two pages for an instance."""

    asked: list[dict[str, str]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wanted = {f["Field"]: f["Value"] for f in body["Filters"]}
        type(self).asked.append({"operation": self.headers["X-Amz-Target"], **wanted})
        name = wanted.get("instanceType") or wanted["volumeApiName"]
        answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": []}
        if "NextToken" not in body and name in PRICES:
            answer["PriceList"] = [self.product(PRICES[name]), self.product("0.0000000000")]
            answer["NextToken"] = "more"
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def product(self, price: str) -> str:
        dimension = {"unit": "Hrs", "pricePerUnit": {"USD": price}}
        return json.dumps({"terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}})

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def session() -> Iterator[AwsSession]:
    Pricing.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pricing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    session = AwsSession("us-east-1", endpoint_url=f"http://127.0.0.1:{server.server_address[1]}")
    yield session
    session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_todays_prices_replace_those_of_the_table(session: AwsSession) -> None:
    prices = live_prices(session, "us-east-1", ["m6i.xlarge"])
    assert prices["m6i.xlarge"].mid == 0.2
    assert prices["gp3"].mid == 0.085
    assert {a["operation"] for a in Pricing.asked} == {"AWSPriceListService.GetProducts"}
    instances = next(i for i in monthly_cost(reference(), live_prices=prices) if i.item == "EC2 m6i.xlarge")
    assert instances.monthly.mid == pytest.approx(3 * 0.2 * 730.5)
    assert "AWS Pricing API" in instances.source


def test_a_type_without_a_price_is_an_error_and_not_a_zero(session: AwsSession) -> None:
    with pytest.raises(LiveError, match=r"no price for instanceType m99\.mega"):
        live_prices(session, "us-east-1", ["m99.mega"])


def test_each_kind_of_volume_is_asked_for_by_itself(session: AwsSession) -> None:
    prices = live_prices(session, "us-east-1", [], ["io2", "gp3"])
    assert {kind: row.mid for kind, row in prices.items()} == {"gp3": 0.085, "io2": 0.13}
    assert all("AWS Pricing API, us-east-1" in row.source for row in prices.values())
