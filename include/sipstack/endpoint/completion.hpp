// SPDX-License-Identifier: Apache-2.0
// From completion tokens to the functions that an endpoint keeps, and back.
//
// Of Asio's associations two are honoured: the executor, where the handler has one (else it is called on
// the io_context's thread, directly), and the cancellation slot. Errors are told as Boost's, which
// sipstack::error_code takes: so futures and coroutines throw as they do for Asio's own operations.
#pragma once

#include <memory>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/error_code.hpp>

namespace sipstack::detail {

using CancellationSlot = boost::asio::cancellation_slot;

/// That of the handler; one that nobody can signal where it has none, or one of its own kind.
template <class Handler>
CancellationSlot slot_of(const Handler& handler) noexcept {
  const auto slot = boost::asio::get_associated_cancellation_slot(handler);
  if constexpr (std::is_convertible_v<decltype(slot), CancellationSlot>)
    return slot;
  else
    return {};
}

/// A handler that can be moved only, as something that std::function holds. To be called once, on the
/// io_context's thread.
template <class Handler>
auto once(Handler handler) {
  using Executor = boost::asio::associated_executor_t<Handler>;
  struct Waiting {
    Handler handler;
    // A pool that has nothing else to do must not stop before us.
    boost::asio::executor_work_guard<Executor> work;
  };
  auto work =
      boost::asio::executor_work_guard<Executor>(boost::asio::get_associated_executor(handler));
  auto waiting = std::make_shared<Waiting>(Waiting{std::move(handler), std::move(work)});
  return [waiting = std::move(waiting)](std::error_code ec, auto... results) {
    const boost::system::error_code error(ec);
    // What the slot would cancel is over.
    if (auto slot = slot_of(waiting->handler); slot.is_connected()) slot.clear();
    if constexpr (std::is_same_v<Executor, boost::asio::system_executor>) {
      Handler moved(std::move(waiting->handler));
      std::move(moved)(error, std::move(results)...);
    } else {
      const Executor executor = waiting->work.get_executor();
      boost::asio::dispatch(
          executor, [moved = std::move(waiting->handler), work = std::move(waiting->work), error,
                     all = std::make_tuple(std::move(results)...)]() mutable {
            std::apply([&](auto&... each) { std::move(moved)(error, std::move(each)...); }, all);
          });
    }
  };
}

/// An operation of any token: start(done, slot), with `done` fit for a std::function.
template <class Signature, class Token, class Start>
auto initiate(Start start, Token&& token) {
  return boost::asio::async_initiate<Token, Signature>(
      [start = std::move(start)](auto handler) mutable {
        const CancellationSlot slot = slot_of(handler);
        start(once(std::move(handler)), slot);
      },
      token);
}

}  // namespace sipstack::detail
