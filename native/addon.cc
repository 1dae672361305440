// Where the addon starts, and the reading of arguments.

#include "native.h"

#include <cmath>

using namespace flowkeeper;

namespace {

/// Through the C interface: the C++ one makes an object for a typed array.
template <typename Array>
void ReadArray(const Info& info, size_t index, napi_typedarray_type wanted, const char* expected,
               Array* out) {
  napi_typedarray_type type;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(info.Env(), info[index], &type, &out->size,
                                                      &data, nullptr, nullptr);
  if (status != napi_ok || type != wanted) RefuseArgument(info, index, expected);
  out->data = static_cast<decltype(out->data)>(data);
}

Napi::Object Start(Napi::Env, Napi::Object exports) {
  ExportSocket(exports);
  ExportBatch(exports);
  ExportBackground(exports);
  ExportPoll(exports);
  ExportRest(exports);
  ExportSystem(exports);
  return exports;
}

}  // namespace

void flowkeeper::RefuseArgument(const Info& info, size_t index, const char* expected) {
  const std::string text = "argument " + std::to_string(index + 1) + " must be " + expected;
  throw Napi::TypeError::New(info.Env(), text);
}

void flowkeeper::ReadArgument(const Info& info, size_t index, int64_t* out) {
  constexpr double kSafe = 9007199254740991;
  double value = 0;
  const napi_status status = napi_get_value_double(info.Env(), info[index], &value);
  if (status != napi_ok || std::trunc(value) != value || std::fabs(value) > kSafe) {
    RefuseArgument(info, index, "an integer");
  }
  *out = static_cast<int64_t>(value);
}

void flowkeeper::ReadArgument(const Info& info, size_t index, int* out) {
  int64_t value;
  ReadArgument(info, index, &value);
  if (value < INT32_MIN || value > INT32_MAX) RefuseArgument(info, index, "an integer of 32 bits");
  *out = static_cast<int>(value);
}

void flowkeeper::ReadArgument(const Info& info, size_t index, Bytes* out) {
  ReadArray(info, index, napi_uint8_array, "a Uint8Array", out);
}

void flowkeeper::ReadArgument(const Info& info, size_t index, BytesOrNull* out) {
  if (!info[index].IsNull()) ReadArgument(info, index, static_cast<Bytes*>(out));
}

void flowkeeper::ReadArgument(const Info& info, size_t index, Words* out) {
  ReadArray(info, index, napi_int32_array, "an Int32Array", out);
}

void flowkeeper::ReadArgument(const Info& info, size_t index, std::string* out) {
  if (!info[index].IsString()) RefuseArgument(info, index, "a string");
  *out = info[index].As<Napi::String>();
}

NODE_API_MODULE(flowkeeper, Start)
