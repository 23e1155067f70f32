// SPDX-License-Identifier: Apache-2.0
// What the typed values of extension headers give: parts, parameters, times.
#include "sipstack/parser/extensions.hpp"

#include "grammar_check.hpp"

namespace sipstack {
namespace {

template <class T>
T read(const HeaderTag<T>& tag, std::string_view text) {
  CAPTURE(text);
  T out{};
  const char* cursor = text.data();
  REQUIRE(to_string(tag.parse(cursor, cursor + text.size(), out)) == "ok");
  return out;
}

TEST_CASE("a date becomes seconds since 1970") {
  const auto seconds = [](std::string_view text) { return read(hdr::date, text).unix_seconds(); };
  CHECK(seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
  CHECK(seconds("Sat, 13 Nov 2010 23:29:00 GMT") == 1289690940);
  CHECK(seconds("Tue, 29 Feb 2000 12:00:01 GMT") == 951825601);
  CHECK(seconds("Wed, 31 Dec 1969 23:59:59 GMT") == -1);
  CHECK(seconds("Tue, 19 Jan 2038 03:14:08 GMT") == 2147483648);
  CHECK(seconds("Fri, 31 Dec 9999 23:59:59 GMT") == 253402300799);
  CHECK(seconds("Sat, 01 Jan 0000 00:00:00 GMT") == -62167219200);
  CHECK(seconds("2010-11-13T23:29:00Z") == 1289690940);
  CHECK(seconds("2010-11-14T07:29:00+08:00") == 1289690940);
  CHECK(seconds("2010-11-13T18:29:00-0500") == 1289690940);
}

TEST_CASE("a date without zone is local time, its thousandths kept") {
  Date date = read(hdr::date, " 2017-05-19T18:09:17.033 ");
  CHECK(date.text == "2017-05-19T18:09:17.033");
  CHECK_FALSE(date.utc_offset.has_value());
  CHECK(date.time.year == 2017);
  CHECK(date.time.month == 5);
  CHECK(date.time.day == 19);
  CHECK(date.time.hour == 18);
  CHECK(date.time.minute == 9);
  CHECK(date.time.second == 17);
  CHECK(date.time.millisecond == 33);
  CHECK(read(hdr::date, "2017-05-19T18:09:17.5").time.millisecond == 500);
  CHECK(read(hdr::date, "2017-05-19T18:09:17.123456").time.millisecond == 123);
  CHECK(read(hdr::date, "2017-05-19T18:09:17").time.millisecond == 0);
}

TEST_CASE("a date that no calendar has is out of range") {
  using testing::bad;
  bad(hdr::date, "Mon, 29 Feb 2100 00:00:00 GMT", ParseErrc::out_of_range, 5);
  bad(hdr::date, "Mon, 00 Feb 2100 00:00:00 GMT", ParseErrc::out_of_range, 5);
  bad(hdr::date, "Mon, 31 Apr 2100 00:00:00 GMT", ParseErrc::out_of_range, 5);
  bad(hdr::date, "2100-00-01T00:00:00", ParseErrc::out_of_range, 5);
  bad(hdr::date, "2100-01-01T24:00:00", ParseErrc::out_of_range, 11);
  bad(hdr::date, "2100-01-01T00:60:00", ParseErrc::out_of_range, 14);
  bad(hdr::date, "2100-01-01T00:00:60", ParseErrc::out_of_range, 17);
}

TEST_CASE("Warning is code, agent and text") {
  const Warning warning =
      read(hdr::warning, " 399 [2001:db8::1]:5060  \"a \\\"b\\\"\" , 300 x \"\"");
  CHECK(warning.code == 399);
  CHECK(warning.agent == "[2001:db8::1]:5060");
  CHECK(warning.warn_text == "\"a \\\"b\\\"\"");
  CHECK(unquote(warning.warn_text) == "a \"b\"");
  CHECK(warning.text == "399 [2001:db8::1]:5060  \"a \\\"b\\\"\"");
}

TEST_CASE("Timestamp and versions come apart") {
  Timestamp stamp = read(hdr::timestamp, "54.25 0.5 ");
  CHECK(stamp.value == "54.25");
  CHECK(stamp.delay == "0.5");
  CHECK(stamp.text == "54.25 0.5");
  stamp = read(hdr::timestamp, "54 ");
  CHECK(stamp.value == "54");
  CHECK(stamp.delay.empty());
  CHECK(read(hdr::mime_version, "1.2").major_number == 1);
  CHECK(read(hdr::mime_version, "1.2").minor_number == 2);
  CHECK(read(hdr::x_gb_ver, "3").major_number == 3);
  testing::bad(hdr::mime_version, "99999999999.0", ParseErrc::out_of_range, 0);
}

TEST_CASE("Reason gives protocol, cause and text") {
  const Reason reason = read(hdr::reason, "Q.850 ;cause=16 ;text=\"Bye\"");
  CHECK(reason.protocol() == "Q.850");
  CHECK(reason.cause() == 16U);
  CHECK(reason.reason_text() == "\"Bye\"");
  CHECK_FALSE(read(hdr::reason, "SIP").cause().has_value());
  CHECK_FALSE(read(hdr::reason, "SIP;cause=x").cause().has_value());
  CHECK(read(hdr::reason, "SIP;cause=99999999999").cause() == 4294967295U);
}

TEST_CASE("q is in thousandths everywhere") {
  CHECK(read(hdr::accept_language, "en;q=0.8").q() == 800);
  CHECK(read(hdr::accept_encoding, "*").q() == 1000);
  CHECK(read(hdr::accept, "text/html;level=1;q=0.05").q() == 50);
  CHECK(read(hdr::security_client, "tls;q=0.1").q() == 100);
  CHECK(read(hdr::contact, "<sip:a@h>;q=0.25").q() == 250);
}

TEST_CASE("events and subscriptions") {
  const Event event = read(hdr::event, "presence.winfo.winfo;id=4");
  CHECK(event.package() == "presence");
  CHECK(event.token == "presence.winfo.winfo");
  CHECK(event.id() == "4");
  CHECK_FALSE(read(hdr::event, "dialog").id().has_value());
  const auto state = read(hdr::subscription_state, "terminated;reason=probation;retry-after=60");
  CHECK(state.token == "terminated");
  CHECK(state.reason() == "probation");
  CHECK(state.retry_after() == 60U);
  CHECK_FALSE(state.expires().has_value());
  CHECK(read(hdr::subscription_state, "active;expires=599").expires() == 599U);
}

TEST_CASE("dialogs named in a header") {
  const Replaces replaces = read(hdr::replaces, "1@h;to-tag=a;from-tag=b;early-only");
  CHECK(replaces.call_id == "1@h");
  CHECK(replaces.to_tag() == "a");
  CHECK(replaces.from_tag() == "b");
  CHECK(replaces.early_only());
  CHECK_FALSE(read(hdr::replaces, "1@h").early_only());
  CHECK(read(hdr::join, "1@h;from-tag=b;to-tag=a").to_tag() == "a");
  CHECK(read(hdr::target_dialog, "1@h;local-tag=l;remote-tag=r").local_tag() == "l");
  CHECK(read(hdr::target_dialog, "1@h;local-tag=l;remote-tag=r").remote_tag() == "r");
}

TEST_CASE("session timers and retries") {
  using Refresher = SessionExpires::Refresher;
  CHECK(read(hdr::session_expires, "90;Refresher=UAS").refresher() == Refresher::uas);
  CHECK(read(hdr::session_expires, "90;refresher=uac").refresher() == Refresher::uac);
  CHECK(read(hdr::session_expires, "90;refresher=x").refresher() == Refresher::unspecified);
  CHECK(read(hdr::session_expires, "90").number == 90);
  CHECK(read(hdr::retry_after, "5 (later);duration=60").duration() == 60U);
}

TEST_CASE("addresses with parameters of their own") {
  CHECK(read(hdr::call_info, "<http://h>;purpose=icon").purpose() == "icon");
  CHECK(read(hdr::referred_by, "<sip:a@h>;cid=\"x@y\"").cid() == "\"x@y\"");
  const auto diversion =
      read(hdr::diversion, "<sip:a@h>;reason=no-answer;counter=2;limit=5;privacy=full;screen=no");
  CHECK(diversion.uri.user == "a");
  CHECK(diversion.reason() == "no-answer");
  CHECK(diversion.counter() == 2U);
  CHECK(diversion.limit() == 5U);
  CHECK(diversion.privacy() == "full");
  CHECK(diversion.screen() == "no");
}

TEST_CASE("History-Info gives index and cause, of the URI or of the Reason in it") {
  auto entry = read(hdr::history_info,
                    "<sip:a@h?Privacy=history&Reason=SIP%3bcause%3D302%3Btext%3D%22x%22>"
                    ";index=1.2;rc=1;foo");
  CHECK(entry.index() == "1.2");
  CHECK(entry.rc() == "1");
  CHECK(entry.mp().empty());
  CHECK(entry.cause() == 302U);
  CHECK(read(hdr::history_info, "<sip:a@h;cause=480>;index=1;mp=1").cause() == 480U);
  CHECK_FALSE(read(hdr::history_info, "<sip:a@h?Reason=SIP>;index=1").cause().has_value());
  CHECK_FALSE(read(hdr::history_info, "<sip:a@h?Reason=SIP%3Bcause>;index=1").cause().has_value());
}

TEST_CASE("preferences, privacy and priority") {
  CHECK(read(hdr::accept_contact, "*;audio;require;explicit").require());
  CHECK(read(hdr::accept_contact, "*;audio;require;explicit").is_explicit());
  CHECK_FALSE(read(hdr::accept_contact, "*;audio").require());
  const Privacy privacy = read(hdr::privacy, "id ; user");
  CHECK(privacy.has("ID"));
  CHECK(privacy.has("user"));
  CHECK_FALSE(privacy.has("use"));
  CHECK_FALSE(privacy.has(""));
  const auto priority = read(hdr::resource_priority, "dsn.flash-override");
  CHECK(priority.name_space == "dsn");
  CHECK(priority.priority == "flash-override");
}

TEST_CASE("identities of calls and callers") {
  const auto session = read(hdr::session_id, "AB30317f1a784dc48ff824d0d3715d86;remote=47755a9d");
  CHECK(session.uuid == "AB30317f1a784dc48ff824d0d3715d86");
  CHECK(session.remote() == "47755a9d");
  auto identity =
      read(hdr::identity, "a.b.c ; info = <https://h/c;d> ; alg=ES256;ppt=\"shaken\";x, next");
  CHECK(identity.digest == "a.b.c");
  CHECK(identity.info == "https://h/c;d");
  CHECK(identity.alg == "ES256");
  CHECK(identity.ppt == "\"shaken\"");
  identity = read(hdr::identity, "abc;x;info=<https://h>;ppt=y");
  CHECK(identity.info == "https://h");
  CHECK(identity.ppt == "y");
  identity = read(hdr::identity, "\"a;b\"");
  CHECK(identity.digest == "\"a;b\"");
  CHECK(identity.info.empty());
  CHECK(read(hdr::user_to_user, "\"a;b\";encoding=hex").data == "\"a;b\"");
  CHECK(read(hdr::user_to_user, "\"a;b\";encoding=hex").params.find("encoding") == "hex");
}

TEST_CASE("operators' networks") {
  const auto access = read(hdr::p_access_network_info, "IEEE-802.11;network-provided;\"x\"");
  CHECK(access.token == "IEEE-802.11");
  CHECK(access.network_provided());
  const auto charging =
      read(hdr::p_charging_vector, "icid-value=1;icid-generated-at=h;orig-ioi=a;term-ioi=b");
  CHECK(charging.icid == "1");
  CHECK(charging.generated_at() == "h");
  CHECK(charging.orig_ioi() == "a");
  CHECK(charging.term_ioi() == "b");
}

}  // namespace
}  // namespace sipstack
