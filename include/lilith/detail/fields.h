#pragma once
#include <cstddef>

// Structured bindings by number of fields: the one list that the language (before C++26) makes us
// write.
namespace lilith::reflect {

inline constexpr std::size_t kMaxFields = 40;

/// f(fields of x...), for an aggregate with N fields.
template <std::size_t N, class T, class F>
constexpr decltype(auto) with_fields(T& x, F&& f) {
  static_assert(N <= kMaxFields,
                "a model struct may have at most 40 fields: group some in a struct");
  if constexpr (N == 0) {
    return f();
  } else if constexpr (N == 1) {
    auto& [a] = x;
    return f(a);
  } else if constexpr (N == 2) {
    auto& [a, b] = x;
    return f(a, b);
  } else if constexpr (N == 3) {
    auto& [a, b, c] = x;
    return f(a, b, c);
  } else if constexpr (N == 4) {
    auto& [a, b, c, d] = x;
    return f(a, b, c, d);
  } else if constexpr (N == 5) {
    auto& [a, b, c, d, e] = x;
    return f(a, b, c, d, e);
  } else if constexpr (N == 6) {
    auto& [a, b, c, d, e, g] = x;
    return f(a, b, c, d, e, g);
  } else if constexpr (N == 7) {
    auto& [a, b, c, d, e, g, h] = x;
    return f(a, b, c, d, e, g, h);
  } else if constexpr (N == 8) {
    auto& [a, b, c, d, e, g, h, i] = x;
    return f(a, b, c, d, e, g, h, i);
  } else if constexpr (N == 9) {
    auto& [a, b, c, d, e, g, h, i, j] = x;
    return f(a, b, c, d, e, g, h, i, j);
  } else if constexpr (N == 10) {
    auto& [a, b, c, d, e, g, h, i, j, k] = x;
    return f(a, b, c, d, e, g, h, i, j, k);
  } else if constexpr (N == 11) {
    auto& [a, b, c, d, e, g, h, i, j, k, l] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l);
  } else if constexpr (N == 12) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m);
  } else if constexpr (N == 13) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o);
  } else if constexpr (N == 14) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p);
  } else if constexpr (N == 15) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q);
  } else if constexpr (N == 16) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r);
  } else if constexpr (N == 17) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s);
  } else if constexpr (N == 18) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t);
  } else if constexpr (N == 19) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u);
  } else if constexpr (N == 20) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v);
  } else if constexpr (N == 21) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w);
  } else if constexpr (N == 22) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y);
  } else if constexpr (N == 23) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z);
  } else if constexpr (N == 24) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A);
  } else if constexpr (N == 25) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B);
  } else if constexpr (N == 26) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C);
  } else if constexpr (N == 27) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D);
  } else if constexpr (N == 28) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E);
  } else if constexpr (N == 29) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G] =
        x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G);
  } else if constexpr (N == 30) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
           H] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H);
  } else if constexpr (N == 31) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I);
  } else if constexpr (N == 32) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J);
  } else if constexpr (N == 33) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K);
  } else if constexpr (N == 34) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L);
  } else if constexpr (N == 35) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L, M] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L, M);
  } else if constexpr (N == 36) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L, M, O] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L, M, O);
  } else if constexpr (N == 37) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L, M, O, P] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L, M, O, P);
  } else if constexpr (N == 38) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L, M, O, P, Q] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L, M, O, P, Q);
  } else if constexpr (N == 39) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L, M, O, P, Q, R] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L, M, O, P, Q, R);
  } else if constexpr (N == 40) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G, H,
           I, J, K, L, M, O, P, Q, R, S] = x;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, y, z, A, B, C, D, E, G,
             H, I, J, K, L, M, O, P, Q, R, S);
  }
}

}  // namespace lilith::reflect
