// The networks of bench/workloads.json in the ops of TensorFlow.js; `p` holds Gyrus's weights by name.

/** Networks by kind: (weights, image, description, training) → output. */
export function networks(tf) {
  const pairs = (x, size) => [[0, 0], ...new Array(x.rank - 2).fill([size, size]), [0, 0]];

  /** 3x3(x3) convolution that pads by one, as PyTorch does: "same" pads strided ones on one side only. */
  function conv(p, at, x, stride = 1) {
    const kernel = p[`${at}.weight`];
    const apply = x.rank === 5 ? tf.conv3d : tf.conv2d;
    const alone = kernel.shape[0] === 1 || stride === 1;
    const y = alone ? apply(x, kernel, 1, "same") : apply(tf.pad(x, pairs(x, 1)), kernel, stride, "valid");
    const bias = p[`${at}.bias`];
    return bias ? tf.add(y, bias) : y;
  }

  /** Every voxel becomes a block: a matrix product and a change of order, since conv3dTranspose is wrong on WASM. */
  function upConv(p, at, x) {
    const [kernel, bias] = [p[`${at}.weight`], p[`${at}.bias`]];
    const space = x.shape.slice(1, -1);
    const doubled = [x.shape[0], ...space.map((extent) => 2 * extent), kernel.shape.at(-2)];
    if (x.rank === 4) return tf.add(tf.conv2dTranspose(x, kernel, doubled, 2, "same"), bias);
    const [inputs, outputs] = [kernel.shape[4], kernel.shape[3]];
    const taps = tf.matMul(
      tf.reshape(x, [-1, inputs]),
      tf.reshape(kernel, [8 * outputs, inputs]),
      false,
      true,
    );
    // Twice, since no kernel here transposes more than six axes: first height and width, then depth.
    const [n, [d, h, w]] = [x.shape[0], space];
    const planes = tf.transpose(tf.reshape(taps, [n * d, h, w, 2, 4 * outputs]), [0, 3, 1, 2, 4]);
    const rows = tf.reshape(planes, [n * d * 2 * h, w, 2, 2 * outputs]);
    const tall = tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [n * d * 4 * h, w, 2 * outputs]);
    return tf.add(tf.reshape(tall, doubled), bias);
  }

  function standardise(x, axes, epsilon = 1e-5) {
    const { mean, variance } = tf.moments(x, axes, true);
    return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  }

  function norm(p, at, x, kind, training) {
    const [scale, shift] = [p[`${at}.scale`], p[`${at}.shift`]];
    const space = x.shape.slice(1, -1).map((_, axis) => axis + 1);
    if (kind === "instance") return tf.add(tf.mul(standardise(x, space), scale), shift);
    if (training) return tf.add(tf.mul(standardise(x, [0, ...space]), scale), shift);
    return tf.batchNorm(x, p[`${at}.runningMean`], p[`${at}.runningVariance`], shift, scale, 1e-5);
  }

  const activate = (x, slope = 0) => (slope === 0 ? tf.relu(x) : tf.leakyRelu(x, slope));

  function unet(p, image, { dimensions, widths, norm: kind, slope, down }, training) {
    const block = (at, x, stride) => {
      let y = x;
      for (const i of [0, 1]) {
        const layer = `${at}.conv${i}`;
        y = conv(p, layer, y, i === 0 ? stride : 1);
        y = activate(norm(p, `${layer}.norm`, y, kind, training), slope);
      }
      return y;
    };
    const pool = (x) => (dimensions === 3 ? tf.maxPool3d(x, 2, 2, "valid") : tf.maxPool(x, 2, 2, "valid"));
    const skips = [];
    let y = image;
    widths.forEach((_, level) => {
      if (level > 0 && down === "maxPool") y = pool(y);
      y = block(`encoder${level}`, y, level > 0 && down === "stride" ? 2 : 1);
      skips.push(y);
    });
    for (let level = widths.length - 2; level >= 0; level--)
      y = block(`decoder${level}`, tf.concat([skips[level], upConv(p, `up${level}`, y)], -1), 1);
    return conv(p, "head", y);
  }

  function voxcnn(p, image, { blocks }, training) {
    let y = image;
    blocks.forEach((widths, block) => {
      widths.forEach((_, i) => {
        y = activate(conv(p, `block${block}.conv${i}`, y));
      });
      y = tf.maxPool3d(y, 2, 2, "valid");
    });
    const full = (at, x) => {
      const z = tf.matMul(x, p[`${at}.weight`], false, true);
      return p[`${at}.bias`] ? tf.add(z, p[`${at}.bias`]) : z;
    };
    // Channels first before the features become one row, as the weights expect them.
    y = tf.reshape(tf.transpose(y, [0, 4, 1, 2, 3]), [y.shape[0], -1]);
    y = full("full0", y);
    const scaled = (z) => tf.add(tf.mul(z, p["full0.norm.scale"]), p["full0.norm.shift"]);
    const centred = () => tf.sub(y, p["full0.norm.runningMean"]);
    const inverse = () => tf.rsqrt(tf.add(p["full0.norm.runningVariance"], 1e-5));
    y = activate(scaled(training ? standardise(y, [0]) : tf.mul(centred(), inverse())));
    return full("head", activate(full("full1", y)));
  }

  function encoderDecoder(p, image, { encoder, decoder }, training) {
    const stage = (name, x, { convolutions, stride = 1 }) => {
      let y = x;
      for (let i = 0; i < convolutions; i++) {
        const at = `${name}.conv${i}`;
        y = activate(norm(p, `${at}.norm`, conv(p, at, y, i === 0 ? stride : 1), "batch", training));
      }
      return y;
    };
    let y = image;
    encoder.forEach((one, i) => {
      y = stage(`encoder${i}`, y, one);
    });
    decoder.forEach((one, i) => {
      const [, height, width] = y.shape;
      y = stage(`decoder${i}`, tf.image.resizeNearestNeighbor(y, [2 * height, 2 * width]), one);
    });
    return conv(p, "head", y);
  }

  return { unet, voxcnn, encoderDecoder };
}
