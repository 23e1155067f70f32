// SPDX-License-Identifier: Apache-2.0
// Boost.Asio's compiled half, once for the whole library (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
