{
  "targets": [
    {
      "target_name": "flowkeeper",
      "sources": [
        "addon.cc",
        "socket.cc",
        "batch.cc",
        "background.cc",
        "poll.cc",
        "rest.cc",
        "system.cc",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++20"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Wno-missing-field-initializers"],
    }
  ]
}
