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

}  // namespace lilith
