"""A line that gets weaker and stronger, by the kernel's own token bucket, and a page that does nothing but receive."""

from __future__ import annotations

import subprocess

from media.control import Json

# What one UDP port sends passes the bucket, apart from what goes to an exempted one.
SHAPED = (
    "tc qdisc add dev lo root handle 1: htb default 1 r2q 10000",
    "tc class add dev lo parent 1: classid 1:1 htb rate 10gbit",
    "tc class add dev lo parent 1: classid 1:3 htb rate 10gbit",
    "tc qdisc add dev lo parent 1:3 handle 30: tbf rate {rate} burst 8000 limit {limit}",
    "tc filter add dev lo parent 1: protocol ip prio 1 u32 match ip dport {exempt} 0xffff flowid 1:1",
    "tc filter add dev lo parent 1: protocol ip prio 1 u32 match ip sport {port} 0xffff flowid 1:3",
)
QUEUE_S = 0.3


class Line:
    """What leaves ``port`` in a network of one's own; all addresses of a machine meet on its loopback."""

    def __init__(self, port: int, exempt: int, bps: int) -> None:
        for command in SHAPED:
            _run(command.format(rate=f"{bps}bit", limit=int(bps * QUEUE_S / 8), port=port, exempt=exempt))

    def change(self, bps: int) -> None:
        """Let so many bits through in a second from now on."""
        limit = int(bps * QUEUE_S / 8)
        _run(f"tc qdisc change dev lo parent 1:3 handle 30: tbf rate {bps}bit burst 8000 limit {limit}")

    def end(self) -> None:
        """Let everything through."""
        _run("tc qdisc del dev lo root")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


def offer(transport: Json, consumers: list[Json]) -> str:
    """Return an SDP offer of these consumers: what mediasoup's client writes for itself."""
    ice, fingerprint = transport["iceParameters"], transport["dtlsParameters"]["fingerprints"][0]
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=ice-lite"]
    lines += [f"a=group:BUNDLE {' '.join(each['rtpParameters']['mid'] for each in consumers)}"]
    for each in consumers:
        rtp = each["rtpParameters"]
        encoding, cname = rtp["encodings"][0], rtp["rtcp"]["cname"]
        codecs = rtp["codecs"]
        types = " ".join(str(codec["payloadType"]) for codec in codecs)
        lines += [f"m={each['kind']} 9 UDP/TLS/RTP/SAVPF {types}", "c=IN IP4 0.0.0.0"]
        lines += [f"a=mid:{rtp['mid']}", f"a=ice-ufrag:{ice['usernameFragment']}", f"a=ice-pwd:{ice['password']}"]
        lines += [f"a=fingerprint:{fingerprint['algorithm']} {fingerprint['value']}", "a=setup:actpass"]
        lines += ["a=sendonly", "a=rtcp-mux", "a=rtcp-rsize"]
        for codec in codecs:
            number, name = codec["payloadType"], codec["mimeType"].split("/")[1]
            channels = f"/{codec['channels']}" if "channels" in codec else ""
            lines.append(f"a=rtpmap:{number} {name}/{codec['clockRate']}{channels}")
            lines += [f"a=fmtp:{number} {key}={value}" for key, value in codec["parameters"].items()]
            lines += [f"a=rtcp-fb:{number} {f['type']} {f['parameter']}".rstrip() for f in codec["rtcpFeedback"]]
        lines += [f"a=extmap:{extension['id']} {extension['uri']}" for extension in rtp["headerExtensions"]]
        if "rtx" in encoding:
            lines.append(f"a=ssrc-group:FID {encoding['ssrc']} {encoding['rtx']['ssrc']}")
        ssrcs = [encoding["ssrc"], *([encoding["rtx"]["ssrc"]] if "rtx" in encoding else [])]
        lines += [f"a=ssrc:{ssrc} cname:{cname}" for ssrc in ssrcs]
        for candidate in transport["iceCandidates"]:
            if candidate["protocol"] == "udp":
                lines.append(
                    f"a=candidate:{candidate['foundation']} 1 udp {candidate['priority']} {candidate['address']} "
                    f"{candidate['port']} typ host"
                )
    return "\r\n".join(lines) + "\r\n"
