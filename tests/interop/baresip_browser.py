#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baresip and a browser phone call each other through `sipstack serve`: SIP over UDP on the one side and over
WebSocket on the other, audio between them by ICE, DTLS-SRTP and Opus. Either calls, and either hangs up."""
import json

from _baresip import Baresip
from _chromium import Browser
from _peer import Failed, need, run
from browser_phone import PAGE, modules, told

DOMAIN = "example.com"
WEBRTC = """\
rtcp_mux yes
module opus.so
module ausine.so
module dtls_srtp.so
module ice.so
module srtp.so
"""


def house(bench):
    need("chromium", "baresip")
    sources, mains = modules(bench.dir)
    _, ports = bench.server("serve", "--listen", "ws:127.0.0.1:0", "--listen", "udp:127.0.0.1:0", "--domain", DOMAIN,
                            "--users", bench.file("users", "alice:secret\nbob:geheim\n"))
    phone = Baresip(bench, "<sip:bob@%s>;auth_user=bob;auth_pass=geheim;outbound=\"sip:127.0.0.1:%d\";regint=600;"
                           "answermode=auto;mediaenc=dtls_srtp;medianat=ice;audio_codecs=opus/48000/2"
                    % (DOMAIN, ports["udp"]), source="ausine,440", rate=48000, more=WEBRTC)
    phone.registered()
    quoted = [json.dumps(x).replace("</", "<\\/") for x in (sources, mains)]
    page = bench.file("phones.html", PAGE % {"sources": quoted[0], "mains": quoted[1]})
    browser = Browser(bench.dir, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    browser.open("file://" + page)
    browser.value("phone('alice', 'ws://127.0.0.1:%d', 'secret')" % ports["ws"])
    told(browser, "alice registered")
    return phone, browser


def up(phone, browser):
    told(browser, "alice accepted", "alice confirmed")
    phone.event("CALL_ESTABLISHED")
    browser.wait_for("packets.alice > 25")  # half a second of audio, decrypted


def they_call_each_other(bench):
    phone, browser = house(bench)
    try:
        # The browser calls and hangs up.
        browser.value("call('alice', 'sip:bob@%s')" % DOMAIN)
        up(phone, browser)
        browser.value("phones.alice.session.terminate()")
        phone.event("CALL_CLOSED")
        told(browser, "alice ended Terminated")

        # The browser calls, baresip hangs up.
        browser.value("told.length = 0; packets.alice = 0; call('alice', 'sip:bob@%s')" % DOMAIN)
        up(phone, browser)
        phone.command("hangup")
        told(browser, "alice ended Terminated")

        # baresip calls and hangs up.
        browser.value("told.length = 0; packets.alice = 0")
        phone.command("dial", "sip:alice@" + DOMAIN)
        up(phone, browser)
        phone.command("hangup")
        told(browser, "alice ended Terminated")

        # baresip calls, the browser hangs up.
        browser.value("told.length = 0; packets.alice = 0")
        phone.command("dial", "sip:alice@" + DOMAIN)
        up(phone, browser)
        phone.events.clear()
        browser.value("phones.alice.session.terminate()")
        phone.event("CALL_CLOSED")
        told(browser, "alice ended Terminated")
    except Failed as e:
        raise Failed("%s\ntold: %s\nbaresip:\n%s" % (e, browser.value("told.join(', ')"), phone.program.tail(60)))
    finally:
        browser.close()


run(they_call_each_other)
