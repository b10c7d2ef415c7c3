#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <type_traits>

#include "lilith/error.h"
#include "runtime/disk_cache.h"
#include "runtime/opencl/session.h"

// Programs are compiled by the device's driver; their functions are launched on its queue.
namespace lilith::runtime::opencl {
namespace {

std::string build_log(cl_program program, cl_device_id device) {
  std::size_t bytes = 0;
  if (api().clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes) !=
      CL_SUCCESS)
    return "";
  std::string log(bytes, '\0');
  if (api().clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, bytes, log.data(),
                                  nullptr) != CL_SUCCESS)
    return "";
  log.resize(std::min(log.find('\0'), log.size()));
  return log;
}

// Statics of the driver's compiler are made by the first calls.
void outlive_no_static_of_the_compiler() {
  static std::atomic<unsigned> builds{0};
  if (std::has_single_bit(++builds)) Gate::end_before_statics();
}

}  // namespace

std::shared_ptr<const Program> Device::build(const std::string& source,
                                             const std::string& options) {
  return info_.keeps_programs ? compile(source, options) : build_kept(source, options);
}

std::shared_ptr<const Program> Device::build_kept(const std::string& source,
                                                  const std::string& options) {
  constexpr const char* kKind = "opencl";
  if (!has_disk_cache()) return compile(source, options);
  const std::string key = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", info_.platform, info_.name,
                                      info_.version, info_.driver, options, source);
  if (const std::optional<std::string> binary = find_on_disk(kKind, key)) {
    if (auto program = from_binary(*binary, options)) return program;
  }
  auto program = compile(source, options);
  if (const std::string binary = binary_of(*program); !binary.empty())
    store_on_disk(kKind, key, binary);
  return program;
}

std::shared_ptr<const Program> Device::compile(const std::string& source,
                                               const std::string& options) {
  const Call call;
  const char* text = source.data();
  const std::size_t bytes = source.size();
  cl_int code = CL_SUCCESS;
  cl_program made = api().clCreateProgramWithSource(context_, 1, &text, &bytes, &code);
  check(code, "clCreateProgramWithSource");
  const std::shared_ptr<Program> program(new Program(*this, made));
  code = api().clBuildProgram(made, 1, &id_, options.c_str(), nullptr, nullptr);
  outlive_no_static_of_the_compiler();
  if (code != CL_SUCCESS) {
    throw DeviceError(fmt::format("opencl: clBuildProgram failed on {}: {}; the compiler says:\n{}",
                                  name_, error_name(code), build_log(made, id_)),
                      LocScope::current());
  }
  return program;
}

std::shared_ptr<const Program> Device::from_binary(const std::string& binary,
                                                   const std::string& options) {
  const Call call;
  const auto* bytes = reinterpret_cast<const unsigned char*>(binary.data());
  const std::size_t size = binary.size();
  cl_int code = CL_SUCCESS, taken = CL_SUCCESS;
  cl_program made =
      api().clCreateProgramWithBinary(context_, 1, &id_, &size, &bytes, &taken, &code);
  if (made == nullptr) return nullptr;
  std::shared_ptr<Program> program(new Program(*this, made));
  if (code != CL_SUCCESS || taken != CL_SUCCESS) return nullptr;
  code = api().clBuildProgram(made, 1, &id_, options.c_str(), nullptr, nullptr);
  outlive_no_static_of_the_compiler();
  return code == CL_SUCCESS ? program : nullptr;
}

std::string Device::binary_of(const Program& program) const {
  const Call call;
  std::size_t bytes = 0;  // of the one device that it was built for
  if (api().clGetProgramInfo(program.program_, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes,
                             nullptr) != CL_SUCCESS)
    return "";
  std::string binary(bytes, '\0');
  char* to = binary.data();
  const cl_int code =
      api().clGetProgramInfo(program.program_, CL_PROGRAM_BINARIES, sizeof to, &to, nullptr);
  return code == CL_SUCCESS ? binary : "";
}

Program::~Program() {
  if (const Release release; release) api().clReleaseProgram(program_);
}

Kernel::Kernel(std::shared_ptr<const Program> program, const std::string& name)
    : program_(std::move(program)), name_(name) {
  const Call call;
  const Device& d = program_->device();
  cl_int code = CL_SUCCESS;
  kernel_ = api().clCreateKernel(program_->program_, name.c_str(), &code);
  d.check(code, "clCreateKernel");
  code = api().clGetKernelWorkGroupInfo(kernel_, d.id_, CL_KERNEL_WORK_GROUP_SIZE,
                                        sizeof max_group_, &max_group_, nullptr);
  if (code != CL_SUCCESS) {
    api().clReleaseKernel(kernel_);
    d.check(code, "clGetKernelWorkGroupInfo");
  }
}

Kernel::~Kernel() {
  if (const Release release; release) api().clReleaseKernel(kernel_);
}

void Device::set_args(const Kernel& kernel, std::span<const Arg> args) {
  cl_uint next = 0;
  const auto set = [&](const void* value, std::size_t bytes) {
    check(api().clSetKernelArg(kernel.kernel_, next++, bytes, value), "clSetKernelArg");
  };
  for (const Arg& arg : args) {
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_same_v<decltype(value), const Place&>) {
            if (value.buffer == nullptr)
              throw InternalError("opencl: launch with a place that has no block");
            const cl_long offset = value.offset;
            check_range(*value.buffer, static_cast<std::size_t>(offset), 0, "launch");
            set(&value.buffer->memory_, sizeof value.buffer->memory_);
            set(&offset, sizeof offset);
          } else {
            set(&value, sizeof value);
          }
        },
        arg);
  }
}

void Device::launch(Kernel& kernel, std::size_t groups, std::size_t group,
                    std::span<const Arg> args) {
  if (groups == 0) return;
  const Call call;
  const std::lock_guard lock(kernel.mutex_);
  set_args(kernel, args);
  const std::size_t items = groups * group;
  check(api().clEnqueueNDRangeKernel(queue_, kernel.kernel_, 1, nullptr, &items, &group, 0, nullptr,
                                     nullptr),
        "clEnqueueNDRangeKernel");
  // A loop that reads nothing does not run ahead without end.
  constexpr unsigned kMostAhead = 4096;
  if (++launches_ % kMostAhead == 0) finish();
}

}  // namespace lilith::runtime::opencl
