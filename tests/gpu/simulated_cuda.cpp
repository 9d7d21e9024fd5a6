// Two simulated CUDA devices for a CPU build of torch.
//
// Tensors say that they are on "cuda", their bytes lie in the memory of the host, and every kernel
// is the CPU's. Tensors of two devices in one kernel are an error, as they are on a real device, and
// whatever would make the host wait for a real one is told to Python.
#include <torch/extension.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/stack.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

using at::IntArrayRef;
using at::Tensor;
using c10::Device;
using c10::DeviceIndex;
using c10::DeviceType;
using c10::DispatchKey;

constexpr DeviceIndex N_DEVICES = 2;
static thread_local DeviceIndex current = 0;

// ------------------------------------------------------------------------------- waits of the host

static py::object* on_wait = nullptr;  // called with what is waited for

static void note_wait(const std::string& what) {
  if (on_wait) {
    py::gil_scoped_acquire gil;
    (*on_wait)(what);
  }
}

// ------------------------------------------------------------------------------------------ memory

struct Memory {
  std::atomic<long> in_use{0}, peak{0}, limit{0};  // limit 0 is none
};
static std::array<Memory, N_DEVICES> memories;

static void take(DeviceIndex device, size_t n) {
  Memory& memory = memories[device];
  long now = memory.in_use += (long)n;
  if (memory.limit && now > memory.limit) {
    memory.in_use -= (long)n;
    TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", n,
                     " bytes; ", now - (long)n, " of ", memory.limit.load(), " are in use.");
  }
  long peak = memory.peak;
  while (now > peak && !memory.peak.compare_exchange_weak(peak, now)) {
  }
}

struct Block {
  void* bytes;
  size_t n;
  DeviceIndex device;
};

static void* aligned(size_t n) {
  void* bytes = nullptr;
  if (n && posix_memalign(&bytes, 64, n)) throw std::bad_alloc();
  return bytes;
}

struct DeviceAllocator final : c10::Allocator {
  static void release(void* context) {
    auto* block = (Block*)context;
    memories[block->device].in_use -= (long)block->n;
    std::free(block->bytes);
    delete block;
  }
  c10::DataPtr allocate(size_t n) override {
    take(current, n);
    auto* block = new Block{aligned(n), n, current};
    return {block->bytes, block, &release, Device(DeviceType::CUDA, current)};
  }
  void copy_data(void* to, const void* from, std::size_t n) const override {
    default_copy_data(to, from, n);
  }
};
static DeviceAllocator device_allocator;

static std::mutex pinned_lock;
static std::map<char*, size_t> pinned;

struct PinnedAllocator final : c10::Allocator {
  static void release(void* context) {
    auto* block = (Block*)context;
    {
      std::lock_guard<std::mutex> guard(pinned_lock);
      pinned.erase((char*)block->bytes);
    }
    std::free(block->bytes);
    delete block;
  }
  c10::DataPtr allocate(size_t n) override {
    size_t at_least_one = n ? n : 1;
    void* bytes = aligned(at_least_one);
    {
      std::lock_guard<std::mutex> guard(pinned_lock);
      pinned[(char*)bytes] = at_least_one;
    }
    return {bytes, new Block{bytes, n, 0}, &release, Device(DeviceType::CPU)};
  }
  void copy_data(void* to, const void* from, std::size_t n) const override {
    default_copy_data(to, from, n);
  }
};
static PinnedAllocator pinned_allocator;

static bool is_pinned(const void* bytes) {
  std::lock_guard<std::mutex> guard(pinned_lock);
  auto next = pinned.upper_bound((char*)bytes);
  if (next == pinned.begin()) return false;
  --next;
  return (char*)bytes < next->first + next->second;
}

// --------------------------------------------------------------------------------- guard and hooks

static DeviceIndex exchange_device(DeviceIndex device) {
  TORCH_CHECK(device < N_DEVICES, "CUDA error: invalid device ordinal");
  DeviceIndex before = current;
  if (device >= 0) current = device;
  return before;
}

struct DeviceGuard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return DeviceType::CUDA; }
  Device exchangeDevice(Device device) const override {
    return Device(DeviceType::CUDA, exchange_device(device.index()));
  }
  Device getDevice() const override { return Device(DeviceType::CUDA, current); }
  void setDevice(Device device) const override { exchange_device(device.index()); }
  void uncheckedSetDevice(Device device) const noexcept override { current = device.index(); }
  c10::Stream getStream(Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream getDefaultStream(Device device) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  DeviceIndex deviceCount() const noexcept override { return N_DEVICES; }
  void record(void**, const c10::Stream&, DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { note_wait("synchronize"); }
  void synchronizeEvent(void*) const override { note_wait("synchronize"); }
  void synchronizeDevice(DeviceIndex) const override { note_wait("synchronize"); }
};
static DeviceGuard device_guard;

namespace at {

struct CUDAHooks final : CUDAHooksInterface {
  CUDAHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return N_DEVICES; }
  DeviceIndex deviceCount() const override { return N_DEVICES; }
  DeviceIndex current_device() const override { return current; }
  DeviceIndex getCurrentDevice() const override { return current; }
  void setCurrentDevice(DeviceIndex device) const override { exchange_device(device); }
  DeviceIndex exchangeDevice(DeviceIndex device) const override { return exchange_device(device); }
  DeviceIndex maybeExchangeDevice(DeviceIndex device) const override {
    return exchange_device(device);
  }
  bool isPinnedPtr(const void* bytes) const override { return is_pinned(bytes); }
  Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator; }
  Allocator* getCUDADeviceAllocator() const override { return &device_allocator; }
  void deviceSynchronize(DeviceIndex) const override { note_wait("synchronize"); }
  const Generator& getDefaultGenerator(DeviceIndex) const override {
    static Generator generator = at::detail::createCPUGenerator(0);
    return generator;
  }
  Generator getNewGenerator(DeviceIndex) const override {
    return at::detail::createCPUGenerator(0);
  }
};

// torch asks for the class of this name.
using CUDAHooksAlias = CUDAHooks;
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, CUDAHooks)

}  // namespace at

// ------------------------------------------------------------- tensors of both kinds, on one memory

struct Owner {
  c10::Storage storage;
  size_t counted;
  DeviceIndex device;
};

static void release_owner(void* context) {
  auto* owner = (Owner*)context;
  if (owner->counted) memories[owner->device].in_use -= (long)owner->counted;
  delete owner;
}

static Tensor with_storage(const Tensor& tensor, c10::Storage storage, DispatchKey key) {
  auto impl = c10::make_intrusive<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key),
                                                   tensor.dtype());
  impl->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  return Tensor(impl);
}

// A storage of another device on the same bytes; those that a kernel has made are counted.
static c10::Storage storage_on(const c10::Storage& storage, Device device, bool counts) {
  size_t n = storage.nbytes();
  if (counts) take(device.index(), n);
  auto* owner = new Owner{storage, counts ? n : 0, device.index()};
  c10::Allocator* allocator = &device_allocator;
  if (!device.is_cuda()) allocator = c10::GetAllocator(DeviceType::CPU);
  c10::DataPtr bytes(const_cast<void*>(storage.data()), owner, &release_owner, device);
  return c10::Storage(c10::Storage::use_byte_size_t(), n, std::move(bytes), allocator, true);
}

static Tensor to_cpu(const Tensor& tensor) {
  c10::Storage storage = storage_on(tensor.storage(), Device(DeviceType::CPU), false);
  return with_storage(tensor, storage, DispatchKey::CPU);
}

// ------------------------------------------------------------------- every kernel that is the CPU's

// Those whose result has a size that only the device knows.
static const std::set<std::string> WAITING = {
    "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::equal",
    "aten::unique_dim", "aten::unique_consecutive", "aten::bincount",
    "aten::repeat_interleave.Tensor", "aten::multinomial", "aten::histc", "aten::linalg_inv_ex"};
// Those that take indices of the host, and copy them.
static const std::set<std::string> INDEXING = {
    "aten::index.Tensor", "aten::index.Tensor_out", "aten::index_put", "aten::index_put_",
    "aten::index_put.out", "aten::_index_put_impl_", "aten::_index_put_impl"};

struct Pair {
  Tensor cuda, cpu;
};

struct Arguments {
  std::vector<Pair> pairs;
  bool has_cuda = false;
  bool has_mask = false;  // among indices
  std::string alien;  // a tensor of the host that is not a mere number

  Tensor convert(const Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    if (tensor.is_cuda()) {
      has_cuda = true;
      pairs.push_back({tensor, to_cpu(tensor)});
      return pairs.back().cpu;
    }
    if (tensor.dim() > 0) alien = c10::str(tensor.sizes(), " on ", tensor.device());
    return tensor;
  }

  c10::IValue convert(const c10::IValue& value) {
    if (value.isTensor()) return convert(value.toTensor());
    if (value.isTensorList()) {
      c10::List<Tensor> converted;
      for (const Tensor& tensor : value.toTensorList()) converted.push_back(convert(tensor));
      return converted;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> converted;
      for (const std::optional<Tensor>& tensor : value.toOptionalTensorList()) {
        converted.push_back(tensor ? std::optional<Tensor>(convert(*tensor)) : std::nullopt);
        has_mask |= tensor && tensor->scalar_type() == at::kBool;
      }
      return converted;
    }
    if (value.isDevice() && value.toDevice().is_cuda()) {
      has_cuda = true;
      return Device(DeviceType::CPU);
    }
    return value;
  }

  void check(const std::string& name) const {
    const Pair* first = nullptr;
    for (const Pair& pair : pairs) {
      if (pair.cuda.dim() == 0) continue;
      if (!first) first = &pair;
      TORCH_CHECK(pair.cuda.device() == first->cuda.device(),
                  "Expected all tensors to be on the same device, but ", name, " got ",
                  pair.cuda.device(), " and ", first->cuda.device());
    }
    if (alien.empty() || !has_cuda) return;
    if (INDEXING.count(name)) return note_wait("index of the host: " + name);
    TORCH_CHECK(false, "Expected all tensors to be on the same device, but ", name, " got ", alien,
                " beside CUDA tensors");
  }

  // Take over what a kernel has changed of its arguments' sizes and storages.
  void update() {
    for (Pair& pair : pairs) {
      auto* impl = pair.cuda.unsafeGetTensorImpl();
      if (pair.cpu.storage().data() != pair.cuda.storage().data())
        impl->set_storage_keep_dtype(storage_on(pair.cpu.storage(), pair.cuda.device(), true));
      if (pair.cpu.sizes() != pair.cuda.sizes() || pair.cpu.strides() != pair.cuda.strides())
        impl->set_sizes_and_strides(pair.cpu.sizes(), pair.cpu.strides(),
                                    pair.cpu.storage_offset());
    }
  }

  Tensor give_back(const Tensor& tensor) const {
    if (!tensor.defined() || !tensor.is_cpu() || !has_cuda) return tensor;
    for (const Pair& pair : pairs)
      if (pair.cpu.is_same(tensor)) return pair.cuda;
    for (const Pair& pair : pairs)
      if (pair.cpu.storage().is_alias_of(tensor.storage()))
        return with_storage(tensor, pair.cuda.storage(), DispatchKey::CUDA);
    Device device(DeviceType::CUDA, pairs.empty() ? current : pairs[0].cuda.device().index());
    return with_storage(tensor, storage_on(tensor.storage(), device, true), DispatchKey::CUDA);
  }

  c10::IValue give_back(const c10::IValue& value) const {
    if (value.isTensor()) return give_back(value.toTensor());
    if (!value.isTensorList()) return value;
    c10::List<Tensor> given;
    for (const Tensor& tensor : value.toTensorList()) given.push_back(give_back(tensor));
    return given;
  }
};

static void compute_on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  std::string name = schema.name();
  if (!schema.overload_name().empty()) name += "." + schema.overload_name();
  const auto begin = stack->size() - schema.arguments().size();
  Arguments arguments;
  for (size_t i = begin; i < stack->size(); i++) (*stack)[i] = arguments.convert((*stack)[i]);
  arguments.check(name);
  bool knows_size = name == "aten::repeat_interleave.Tensor" && !stack->back().isNone();
  if (WAITING.count(name) && !knows_size) note_wait(name);
  if (INDEXING.count(name) && arguments.has_mask) note_wait("mask: " + name);
  op.callBoxed(stack);
  arguments.update();
  for (size_t i = stack->size() - schema.returns().size(); i < stack->size(); i++)
    (*stack)[i] = arguments.give_back((*stack)[i]);
}

// ------------------------------------------------------------- kernels that make, move and view bytes

static Tensor empty(IntArrayRef size, std::optional<at::ScalarType> dtype,
                    std::optional<at::Layout>, std::optional<Device> device,
                    std::optional<bool> pin, std::optional<at::MemoryFormat> format) {
  c10::OptionalDeviceGuard guard(device);
  TORCH_CHECK(!pin.value_or(false), "Only dense CPU tensors can be pinned");
  return at::detail::empty_generic(size, &device_allocator, c10::DispatchKeySet(DispatchKey::CUDA),
                                   c10::dtype_or_default(dtype), format);
}

static Tensor empty_strided(IntArrayRef size, IntArrayRef stride,
                            std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                            std::optional<Device> device, std::optional<bool>) {
  c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(size, stride, &device_allocator,
                                           c10::DispatchKeySet(DispatchKey::CUDA),
                                           c10::dtype_or_default(dtype));
}

static Tensor& copy_(Tensor& self, const Tensor& source, bool non_blocking) {
  if (self.is_cuda() != source.is_cuda() && self.numel()) {
    const void* host = self.is_cuda() ? source.const_data_ptr() : self.const_data_ptr();
    bool is_number = self.is_cuda() && source.dim() == 0;
    if (!is_number && !(non_blocking && is_pinned(host)))
      note_wait(self.is_cuda() ? "copy to the device" : "copy to the host");
  }
  Tensor to = self.is_cuda() ? to_cpu(self) : self;
  to.copy_(source.is_cuda() ? to_cpu(source) : source);
  return self;
}

static at::Scalar item(const Tensor& self) {
  note_wait("item");
  return to_cpu(self).item();
}

static Tensor as_strided(const Tensor& self, IntArrayRef size, IntArrayRef stride,
                         std::optional<int64_t> offset) {
  return at::native::as_strided_tensorimpl(self, size, stride, offset);
}

static Tensor view(const Tensor& self, IntArrayRef size) { return at::native::view(self, size); }

static Tensor reshape_alias(const Tensor& self, IntArrayRef size, IntArrayRef stride) {
  return at::native::_reshape_alias(self, size, stride);
}

static const Tensor& resize_(const Tensor& self, IntArrayRef size,
                             std::optional<at::MemoryFormat>) {
  auto* impl = self.unsafeGetTensorImpl();
  size_t need = at::detail::computeStorageNbytesContiguous(size, self.itemsize(),
                                                           self.storage_offset());
  if (need > impl->storage().nbytes()) {
    c10::DataPtr fresh = device_allocator.allocate(need);
    std::memcpy(fresh.get(), impl->storage().data(), impl->storage().nbytes());
    impl->set_storage_keep_dtype(c10::Storage(c10::Storage::use_byte_size_t(), need,
                                              std::move(fresh), &device_allocator, true));
  }
  impl->set_sizes_contiguous(size);
  return self;
}

static Tensor& set_storage(Tensor& self, at::Storage storage, int64_t offset, IntArrayRef size,
                           IntArrayRef stride) {
  self.unsafeGetTensorImpl()->set_storage_keep_dtype(storage);
  self.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride, offset);
  return self;
}

static Tensor& set_source(Tensor& self, at::Storage storage) {
  int64_t n = (int64_t)(storage.nbytes() / self.itemsize()), one = 1;
  return set_storage(self, storage, 0, IntArrayRef(&n, 1), IntArrayRef(&one, 1));
}

// Plain operations, which are the CPU's.
static int64_t choose_attention(const Tensor&, const Tensor&, const Tensor&,
                                const std::optional<Tensor>&, double, bool, std::optional<double>,
                                bool) {
  return 0;
}

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute_on_cpu>());
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("copy_", copy_);
  library.impl("_local_scalar_dense", item);
  library.impl("as_strided", as_strided);
  library.impl("view", view);
  library.impl("_reshape_alias", reshape_alias);
  library.impl("resize_", resize_);
  library.impl("set_.source_Storage_storage_offset", set_storage);
  library.impl("set_.source_Storage", set_source);
  library.impl("_fused_sdp_choice", choose_attention);
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  module.attr("n_devices") = (int)N_DEVICES;
  module.def("start", [] {
    c10::SetAllocator(DeviceType::CUDA, &device_allocator, 255);
    c10::impl::device_guard_impl_registry[(size_t)DeviceType::CUDA].store(&device_guard);
  });
  module.def("call_on_wait", [](py::object function) {
    delete on_wait;
    on_wait = function.is_none() ? nullptr : new py::object(function);
  });
  module.def("set_limit", [](int device, long n) { memories[device].limit = n; });
  module.def("in_use", [](int device) { return memories[device].in_use.load(); });
  module.def("peak", [](int device) { return memories[device].peak.load(); });
  module.def("reset_peak",
             [](int device) { memories[device].peak = memories[device].in_use.load(); });
  module.def("exchange_device", [](int device) { return (int)exchange_device(device); });
  module.def("current_device", [] { return (int)current; });
}
