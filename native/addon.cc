// The list of what the addon exports, and the checks of argument types.

#include "native.h"

#include <cmath>
#include <string>

namespace flowkeeper {

namespace {

[[noreturn]] void Refuse(const Napi::CallbackInfo& info, size_t index, const char* expected) {
  const std::string text = "argument " + std::to_string(index + 1) + " must be " + expected;
  throw Napi::TypeError::New(info.Env(), text);
}

/// The memory of a typed array, through the C interface: the C++ one makes an object for it.
void* ArrayAt(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type wanted,
              const char* expected, size_t* size) {
  napi_typedarray_type type;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(info.Env(), info[index], &type, size, &data,
                                                      nullptr, nullptr);
  if (status != napi_ok || type != wanted) Refuse(info, index, expected);
  return data;
}

}  // namespace

Bytes BytesAt(const Napi::CallbackInfo& info, size_t index) {
  Bytes bytes{};
  bytes.data = static_cast<uint8_t*>(
      ArrayAt(info, index, napi_uint8_array, "a Uint8Array", &bytes.size));
  return bytes;
}

Words WordsAt(const Napi::CallbackInfo& info, size_t index) {
  Words words{};
  words.data = static_cast<int32_t*>(
      ArrayAt(info, index, napi_int32_array, "an Int32Array", &words.size));
  return words;
}

int64_t IntegerAt(const Napi::CallbackInfo& info, size_t index) {
  constexpr double kSafe = 9007199254740991;
  double value = 0;
  const napi_status status = napi_get_value_double(info.Env(), info[index], &value);
  if (status != napi_ok || std::trunc(value) != value || std::fabs(value) > kSafe) {
    Refuse(info, index, "an integer");
  }
  return static_cast<int64_t>(value);
}

int IntAt(const Napi::CallbackInfo& info, size_t index) {
  const int64_t value = IntegerAt(info, index);
  if (value < INT32_MIN || value > INT32_MAX) Refuse(info, index, "an integer of 32 bits");
  return static_cast<int>(value);
}

bool IsNull(const Napi::CallbackInfo& info, size_t index) {
  return index < info.Length() && info[index].IsNull();
}

namespace {

Napi::Object Start(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance();
  env.SetInstanceData(instance);
  ExportSocket(exports);
  ExportBatch(exports);
  ExportPoll(exports, instance);
  ExportSystem(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(flowkeeper, Start)

}  // namespace flowkeeper
