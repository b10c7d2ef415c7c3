#pragma once

namespace lilith {

/// Threads that programs run on, the caller's included; at first LILITH_NUM_THREADS, or the
/// cores this process may use (its affinity mask and its cgroup's quota). May be called while other
/// threads run programs; it waits for its turn. Programs compiled before keep the schedule that was
/// chosen for the number of then, and so their results to the bit; their loops are shared by the
/// threads of now. Error unless 1 <= n <= 4096.
void set_num_threads(int n);
/// The number of threads that programs run on now.
int num_threads();
/// Whether threads spin for a moment between steps (fast, the default) or sleep at once (for a host
/// program that needs its cores; LILITH_SPIN=0 says so from the start).
void set_spin(bool spin);

/// Whether programs compute with denormals (f32 below 1.2e-38, f64 and bf16 below their own least
/// normal numbers) as with 0: the default, since they take many times longer and only come from
/// what decays to nothing, as moments of Adam do. A denormal operand then counts as 0 (its
/// logarithm is -inf) and a result is never one; values of f16 stay as they are, copies too. Holds
/// for the programs that run from now on, in every thread; the mode of the caller's own arithmetic
/// is never touched. What is computed while a program is compiled, and LILITH_EAGER=1, keep
/// denormals. Ref: torch.set_flush_denormal, whose default is off.
void set_flush_denormal(bool on);
bool flush_denormal();

}  // namespace lilith
