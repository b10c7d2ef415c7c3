#pragma once

namespace lilith {

/// Threads that programs run on, the caller's included; at first the cores this process may use
/// (its affinity mask and its cgroup's quota). Programs compiled before keep their partition of
/// work and are compiled anew for another number. Error when n < 1.
void set_num_threads(int n);
int num_threads();
/// Whether threads spin for a moment between steps (fast, the default) or sleep at once (for a host
/// program that needs its cores).
void set_spin(bool spin);

}  // namespace lilith
