#!/bin/sh
# The benchmark on a machine with a GPU, ours beside PyTorch, in one command:
#   sh bench/gpu.sh [cuda|webgpu] [options of npm run bench]
# cuda fetches ONNX Runtime's CUDA libraries once (from NuGet: npm does not carry them). PyTorch is looked for in PYTHON
# (default: python3). Without a GPU, or with one that does not work, it says so and measures nothing.
set -eu
cd "$(dirname "$0")/.."
device=${1:-cuda}
[ $# -eq 0 ] || shift

give() {
  echo "bench/gpu.sh: $1" >&2
  exit 2
}

case $device in
  cuda)
    command -v nvidia-smi >/dev/null 2>&1 || give "no NVIDIA driver here (nvidia-smi is missing): nothing was measured."
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || give "nvidia-smi finds no GPU: nothing was measured."
    ;;
  webgpu) ;;
  *) give "the device is cuda or webgpu, not $device." ;;
esac

node scripts/setup.mjs
if [ "$device" = cuda ] && ! ls node_modules/onnxruntime-node/bin/napi-v*/linux/x64/libonnxruntime_providers_cuda.so >/dev/null 2>&1; then
  echo "Fetching ONNX Runtime's CUDA libraries …"
  ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install ||
    give "the CUDA libraries could not be fetched: nothing was measured."
fi

node -e '
  import("./dist/runtime/backends.node.js").then(async ({ tryBackend }) => {
    const { works, reason } = await tryBackend(process.argv[1], 120000);
    if (works) return;
    console.error(`bench/gpu.sh: ${process.argv[1]} does not work here: ${reason}\nNothing was measured.`);
    process.exit(2);
  });
' "$device"

"${PYTHON:-python3}" -c 'import torch; print("PyTorch", torch.__version__, "on", torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU only")' ||
  echo "PyTorch is not there: its column stays empty. Set PYTHON to a Python that has it."
npm run --silent bench -- --device "$device" "$@"
