#pragma once
#include <cstddef>

namespace lilith::ops::lapack {

/// LAPACK's and BLAS's functions on numbers of type T, float or double, as Fortran has them:
/// column-major, everything by reference, the lengths of texts behind all arguments.
template <class T>
struct Api {
  using Length = std::size_t;
  void (*getrf)(const int* m, const int* n, T* a, const int* lda, int* pivots, int* info);
  void (*getrs)(const char* trans, const int* n, const int* nrhs, const T* a, const int* lda,
                const int* pivots, T* b, const int* ldb, int* info, Length);
  void (*getri)(const int* n, T* a, const int* lda, const int* pivots, T* work, const int* lwork,
                int* info);
  void (*potrf)(const char* uplo, const int* n, T* a, const int* lda, int* info, Length);
  void (*geqrf)(const int* m, const int* n, T* a, const int* lda, T* tau, T* work, const int* lwork,
                int* info);
  void (*orgqr)(const int* m, const int* n, const int* k, T* a, const int* lda, const T* tau,
                T* work, const int* lwork, int* info);
  void (*gesdd)(const char* job, const int* m, const int* n, T* a, const int* lda, T* s, T* u,
                const int* ldu, T* vt, const int* ldvt, T* work, const int* lwork, int* iwork,
                int* info, Length);
  void (*syevd)(const char* job, const char* uplo, const int* n, T* a, const int* lda, T* w,
                T* work, const int* lwork, int* iwork, const int* liwork, int* info, Length,
                Length);
  void (*geev)(const char* left, const char* right, const int* n, T* a, const int* lda, T* re,
               T* im, T* vl, const int* ldvl, T* vr, const int* ldvr, T* work, const int* lwork,
               int* info, Length, Length);
  void (*sytrf)(const char* uplo, const int* n, T* a, const int* lda, int* pivots, T* work,
                const int* lwork, int* info, Length);
  void (*sytrs)(const char* uplo, const int* n, const int* nrhs, const T* a, const int* lda,
                const int* pivots, T* b, const int* ldb, int* info, Length);
  void (*gelsd)(const int* m, const int* n, const int* nrhs, T* a, const int* lda, T* b,
                const int* ldb, T* s, const T* rcond, int* rank, T* work, const int* lwork,
                int* iwork, int* info);
  void (*trsm)(const char* side, const char* uplo, const char* trans, const char* diag,
               const int* m, const int* n, const T* alpha, const T* a, const int* lda, T* b,
               const int* ldb, Length, Length, Length, Length);
  void (*gemm)(const char* trans_a, const char* trans_b, const int* m, const int* n, const int* k,
               const T* alpha, const T* a, const int* lda, const T* b, const int* ldb,
               const T* beta, T* c, const int* ldc, Length, Length);
};

/// Opens the library when it is first asked for. CallError, saying what to install, where there is
/// none.
template <class T>
const Api<T>& api();

}  // namespace lilith::ops::lapack
