#pragma once

// What the code of a kernel calls while it runs: the fake driver's executor.
struct FakeDim {
  unsigned x, y, z;
};
struct FakeRuntime {
  const FakeDim *thread, *block, *block_dim;
  void (*sync_threads)();
  /// Each thread of a warp gives `bytes` and gets those of the one whose number is given.
  void (*exchange)(const void* mine, void* other, unsigned bytes, int from);
  /// The host's address of one of the device.
  char* (*pointer)(const void* device);
};
