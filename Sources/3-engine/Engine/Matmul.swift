import CKernels
import COpenBLAS
import Formats
import Machine
import Model
import Weights

/// Rows of f32 activations. Rows are padded apart where their length would make them collide in
/// the cache's sets (multiples of 2 KiB do).
package struct Activations {
  package let buffer: FloatBuffer
  let width: Int
  let stride: Int

  package init(rows: Int, width: Int) throws {
    self.init(width: width, in: try FloatBuffer(count: rows * Self.stride(width)))
  }

  /// Rows in memory that others use at other times.
  init(width: Int, in buffer: FloatBuffer) {
    self.width = width
    self.buffer = buffer
    stride = Self.stride(width)
  }

  static func stride(_ width: Int) -> Int {
    let aligned = (width + 15) / 16 * 16
    return aligned % 512 == 0 ? aligned + 16 : aligned
  }

  static func bytes(rows: Int, width: Int) -> Int { saturatingProduct(4, rows, stride(width)) }

  package func row(_ index: Int) -> UnsafeMutablePointer<Float> { buffer.base + index * stride }
}

/// Rows of activations as a matmul reads them. Sendable, as nobody writes to them meanwhile.
struct Operand: @unchecked Sendable {
  let values: UnsafePointer<Float>
  /// Floats from row to row.
  let stride: Int
  /// The same rows as weights of block formats, or bf16 where it is multiplied by bf16, read them.
  let rounded: UnsafeRawPointer

  init(_ activations: Activations, _ rounded: RoundedActivations) {
    self.init(
      values: activations.buffer.base, stride: activations.stride, rounded: rounded.base)
  }

  init(values: UnsafePointer<Float>, stride: Int, rounded: UnsafeRawPointer) {
    self.values = values
    self.stride = stride
    self.rounded = rounded
  }
}

/// How a matmul of weights in rows is done.
package enum MatmulPath: Sendable {
  /// Our kernels' dot products.
  case dots
  /// OpenBLAS's sgemm, on weights expanded to f32.
  case openBLAS
}

/// `y = x·Wᵀ + b` over the team, each thread making its own slice of the outputs: the slice whose
/// weights it touched first.
///
/// Packed weights are multiplied where they lie: f32 and f16 with f32 activations, bf16 with those of
/// bf16 where the kernels do so, block formats in integers; activations are rounded or quantised once
/// for all threads.
package struct Matmul {
  let team: ThreadTeam
  let kernels: KernelTable
  private let forced: MatmulPath?
  /// Working memory of each thread.
  let scratch: [FloatBuffer]
  /// Of each thread: some columns of gate and up.
  private let gatedParts: [FloatBuffer]
  /// Activations that are not multiplied as f32: of what is multiplied, and of what SwiGLU has made.
  let roundedInputs: RoundedActivations
  private let roundedGated: RoundedActivations

  /// Columns of gate and up that a thread makes at a time, and how far its rows of them are apart:
  /// not a multiple of a page's part, which would make them collide in the cache's sets.
  private static let gatedColumns = 256
  private static let gatedStride = gatedColumns + 16

  private static func gatedCount(_ maxRows: Int) -> Int {
    saturatingProduct(maxRows, 2, gatedStride)
  }

  /// f32 values of a thread's working memory: 512 KiB hold what integer kernels unpack, or some rows
  /// of expanded weights; at least one row always fits.
  private static func scratchCount(_ architecture: Architecture) -> Int {
    max(1 << 17, Int(DYNO_SCRATCH), widest(architecture))
  }

  /// Columns of the widest matrix.
  private static func widest(_ architecture: Architecture) -> Int {
    var most = architecture.hiddenSize
    architecture.forEachOperator { operation, _, _ in
      switch operation.body {
      case .projection(let projection): most = max(most, projection.inputs)
      case .experts(let experts, _, _): most = max(most, experts.intermediateSize)
      default: break
      }
    }
    return most
  }

  /// Activation rows from which weights in rows are left to OpenBLAS: by `make bench` on Zen 3, GFLOP/s
  /// of our dot products and OpenBLAS are 143 and 135 at 64 rows, 144 and 146 at 96, 128 and 143 at
  /// 128 (f32; bf16 132 and 132, 128 and 138 at 64 and 96). Without SIMD kernels it is 11 times faster
  /// at a single row already.
  private static let openBLASRows = 96

  /// - Parameters:
  ///   - architecture: whose weights will be multiplied.
  ///   - maxRows: most rows of activations.
  ///   - path: the path of weights in rows, for benchmarks; `nil` for the faster.
  package init(
    _ architecture: Architecture, maxRows: Int, team: ThreadTeam, kernels: KernelTable,
    path: MatmulPath? = nil
  ) throws {
    self.team = team
    self.kernels = kernels
    forced = path
    scratch = try (0..<team.count).map { _ in
      try FloatBuffer(count: Self.scratchCount(architecture))
    }
    gatedParts = try (0..<team.count).map { _ in
      try FloatBuffer(count: Self.gatedCount(maxRows))
    }
    roundedInputs = try RoundedActivations(rows: maxRows, width: Self.widest(architecture))
    roundedGated = try RoundedActivations(
      rows: maxRows, width: architecture.widestMLP)
    OpenBLAS.useOneThread()
  }

  static func bytes(_ architecture: Architecture, maxRows: Int, threads: Int) -> Int {
    saturatingSum(
      saturatingProduct(4, threads, saturatingSum(scratchCount(architecture), gatedCount(maxRows))),
      RoundedActivations.bytes(rows: maxRows, width: widest(architecture)),
      RoundedActivations.bytes(rows: maxRows, width: architecture.widestMLP))
  }

  /// Writes `m` rows of `y`, or adds to them where `accumulate`.
  package func callAsFunction(
    _ linear: Linear, _ x: Activations, m: Int, into y: Activations, accumulate: Bool = false
  ) {
    var column = 0
    var quantizedFor: DType?
    for part in linear.parts {
      if part.dtype != quantizedFor { quantize(x, m, for: part) }
      quantizedFor = part.dtype
      multiply(part, linear.bias, Operand(x, roundedInputs), m, y, column, accumulate)
      column += part.rows
    }
  }

  /// The MLP's last projection of what `activated` has made for it.
  func ofActivated(
    _ linear: Linear, _ x: Activations, m: Int, into y: Activations, accumulate: Bool
  ) {
    guard wantsRoundedOnly(linear) else {
      return self(linear, x, m: m, into: y, accumulate: accumulate)
    }
    multiply(linear.parts[0], linear.bias, Operand(x, roundedGated), m, y, 0, accumulate)
  }

  /// An MLP's first projection and its activation, `activation(gate) · up` or `activation(up)`, for
  /// `next`: each thread makes some columns, which stay in its cache, and, where `next` does
  /// not multiply f32, rounds them right there.
  ///
  /// - Parameter scales: one number a row that the results are multiplied by.
  /// - Precondition: gate and up are one part each.
  func activated(
    _ linear: Linear, _ activation: MLP.Activation, _ x: Activations, m: Int,
    into output: Activations, for next: Linear, scales: Activations? = nil
  ) {
    let gated = GatedProjection(linear, activation)
    if let gate = gated.apartGate {
      quantize(x, m, for: gate)
      multiply(gate, linear.bias, Operand(x, roundedInputs), m, output, 0, false)
    }
    quantize(x, m, for: gated.up)
    let rounded = wantsRoundedOnly(next) ? roundedGated : nil
    team.share(
      gated.up.rows, grain: ModelWeights.rowGrain, chunk: gatedChunk(gated.up, m)
    ) { rank, range in
      multiply(
        gated, range, Operand(x, roundedInputs), m, into: output, firstRow: 0, rounded: rounded,
        for: next, scales: scales, rank: rank)
    }
  }

  /// Columns of gate and up that a thread makes at a time: whole blocks of activations.
  func gatedChunk(_ up: Matrix, _ m: Int) -> Int { min(Self.gatedColumns, chunk(up, m)) }

  /// Gate and up of an MLP or an expert.
  struct GatedProjection {
    let up: Matrix
    let gate: Matrix?
    let bias: FloatBuffer?
    let activation: MLP.Activation

    init(_ linear: Linear, _ activation: MLP.Activation) {
      up = linear.parts[linear.parts.count - 1]
      gate = linear.parts.count > 1 ? linear.parts[0] : nil
      bias = linear.bias
      self.activation = activation
      precondition(linear.parts.count <= 2 && gate?.rows ?? up.rows == up.rows)
    }

    /// The gate, where activations are quantised otherwise for it than for `up`: one dtype is done at a
    /// time, so all of it is made first.
    var apartGate: Matrix? { gate?.dtype == up.dtype ? nil : gate }
  }

  /// Some columns of a gated projection of `m` rows, on one thread: to `output` from row `firstRow` on,
  /// or to `rounded`, whose rows are those of `output`.
  ///
  /// - Precondition: where the gate is apart, `output` holds it.
  func multiply(
    _ gated: GatedProjection, _ range: Range<Int>, _ x: Operand, _ m: Int,
    into output: Activations, firstRow: Int, rounded: RoundedActivations?, for next: Linear,
    scales: Activations? = nil, rank: Int
  ) {
    let stride = 2 * Self.gatedStride
    let gates = gatedParts[rank].base
    let ups = gates + Self.gatedStride
    func multiply(
      _ matrix: Matrix, bias: UnsafeMutablePointer<Float>?, into y: UnsafeMutablePointer<Float>
    ) {
      if let bias {
        for row in 0..<m {
          (y + row * stride).update(from: bias + range.lowerBound, count: range.count)
        }
      }
      self.multiply(matrix, range, x, m, y, stride, bias != nil, scratch[rank].base)
    }
    let up = gated.up
    let isGateApart = gated.apartGate != nil
    if let gate = gated.gate, !isGateApart { multiply(gate, bias: gated.bias?.base, into: gates) }
    multiply(up, bias: gated.bias.map { $0.base + (gated.gate?.rows ?? 0) }, into: ups)
    let function = gated.activation.kernelActivation
    let dtype = next.parts[0].dtype
    let (rowBytes, start) =
      rounded == nil
      ? (0, 0)
      : (
        RoundedActivations.stride(up.rows, dtype, kernels),
        kernels.functions.activation_bytes(dtype.kernelType, range.lowerBound)
      )
    for row in 0..<m {
      let out = output.row(firstRow + row) + range.lowerBound
      let made = ups + row * stride
      let from = gated.gate == nil ? made : isGateApart ? out : gates + row * stride
      let to = rounded == nil ? out : made
      kernels.functions.activate(
        function, from, gated.gate == nil ? nil : made, range.count, to)
      if let scales {
        let scale = scales.row(row)[0]
        for i in 0..<range.count { to[i] *= scale }
      }
      guard let rounded else { continue }
      kernels.functions.quantize_activations(
        dtype.kernelType, made, range.count, rounded.base + (firstRow + row) * rowBytes + start)
    }
  }

  /// Whether all of a projection is multiplied with quantised activations of one dtype.
  func wantsRoundedOnly(_ linear: Linear) -> Bool {
    guard linear.parts.count == 1 else { return false }
    let part = linear.parts[0]
    return wantsRounded(part) && part.packedRows == part.rows
  }

  /// Whether any of a matrix is multiplied with activations that are not f32.
  func wantsRounded(_ matrix: Matrix) -> Bool {
    matrix.layout != .rows && kernels.activations(for: matrix.dtype) != .f32
  }

  /// Activations as the weights want them, where that is not f32.
  private func quantize(_ x: Activations, _ m: Int, for matrix: Matrix) {
    guard wantsRounded(matrix) else { return }
    roundedInputs.fill(x, m, matrix.columns, matrix.dtype, team, kernels)
  }

  /// All outputs of one matrix, from column `first` of `y`.
  private func multiply(
    _ matrix: Matrix, _ bias: FloatBuffer?, _ x: Operand, _ m: Int, _ y: Activations, _ first: Int,
    _ accumulate: Bool
  ) {
    team.share(matrix.rows, grain: ModelWeights.rowGrain, chunk: chunk(matrix, m)) { rank, range in
      let start = first + range.lowerBound
      let out = y.buffer.base + start
      if let bias {
        for row in 0..<m {
          for i in 0..<range.count {
            let before = accumulate ? out[row * y.stride + i] : 0
            out[row * y.stride + i] = before + bias.base[start + i]
          }
        }
      }
      multiply(
        matrix, range, x, m, out, y.stride, accumulate || bias != nil, scratch[rank].base)
    }
  }

  /// Rows that a thread takes at a time: small enough to even out the threads, large enough to
  /// stream memory and to fill the kernels' blocks.
  func chunk(_ matrix: Matrix, _ m: Int) -> Int {
    if matrix.layout == .rows, path(m) == .openBLAS {
      return max(256, (matrix.rows / team.count + 255) / 256 * 256)
    }
    let grain = 2 * ModelWeights.rowGrain
    return max(m < 32 ? grain : 256, (1 << 18) / matrix.rowBytes / grain * grain)
  }

  private func path(_ m: Int) -> MatmulPath {
    let isScalar = kernels.functions.instruction_set == DYNO_SCALAR
    return forced ?? (isScalar || m >= Self.openBLASRows ? .openBLAS : .dots)
  }

  /// One thread's part: the outputs `rows` of one matrix. `y` points at the first of them.
  func multiply(
    _ matrix: Matrix, _ rows: Range<Int>, _ x: Operand, _ m: Int,
    _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ accumulate: Bool,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let packed = max(0, min(rows.upperBound, matrix.packedRows) - rows.lowerBound)
    let k = matrix.columns
    let type = matrix.dtype.kernelType
    if packed > 0, wantsRounded(matrix) {
      kernels.functions.matmul_quantized(
        type, matrix.row(rows.lowerBound), packed, k, x.rounded,
        RoundedActivations.stride(k, matrix.dtype, kernels), m, y, yStride, accumulate, scratch)
    } else if packed > 0 {
      kernels.functions.matmul_packed(
        type, matrix.row(rows.lowerBound), packed, k, x.values, x.stride, m, y, yStride,
        accumulate, scratch)
    }
    let rest = rows.lowerBound + packed..<rows.upperBound
    guard !rest.isEmpty else { return }
    multiplyRows(matrix, rest, x, m, y + packed, yStride, accumulate, scratch)
  }

  /// The same for weights that lie in rows.
  private func multiplyRows(
    _ matrix: Matrix, _ rows: Range<Int>, _ x: Operand, _ m: Int,
    _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ accumulate: Bool,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let k = matrix.columns
    let path = path(m)
    if path == .dots, matrix.dtype.blockElements == 1 {
      kernels.functions.matmul(
        matrix.dtype.kernelType, matrix.row(rows.lowerBound), rows.count, k, x.values,
        x.stride, m, y, yStride, accumulate)
      return
    }
    forEachExpanded(matrix, rows, scratch) { w, count, offset in
      switch path {
      case .dots:
        kernels.functions.matmul(
          DYNO_F32, w, count, k, x.values, x.stride, m, y + offset, yStride, accumulate)
      case .openBLAS:
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m), blasint(count), blasint(k), 1,
          x.values, blasint(x.stride), w, blasint(k), accumulate ? 1 : 0, y + offset,
          blasint(yStride))
      }
    }
  }

  /// Goes through rows as f32: where they lie, or expanded to `scratch` a few at a time.
  func forEachExpanded(
    _ matrix: Matrix, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>,
    _ body: (_ w: UnsafePointer<Float>, _ count: Int, _ offset: Int) -> Void
  ) {
    guard matrix.dtype != .f32 else {
      let w = matrix.row(rows.lowerBound).assumingMemoryBound(to: Float.self)
      return body(w, rows.count, 0)
    }
    let step = max(1, (1 << 17) / matrix.columns)
    for low in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
      let count = min(step, rows.upperBound - low)
      kernels.functions.expand(
        matrix.dtype.kernelType, matrix.row(low), count * matrix.columns, scratch)
      body(UnsafePointer(scratch), count, low - rows.lowerBound)
    }
  }
}

extension MLP.Activation {
  fileprivate var kernelActivation: dyno_activation {
    switch self {
    case .silu: DYNO_SILU
    case .gelu: DYNO_GELU
    case .geluTanh: DYNO_GELU_TANH
    case .relu: DYNO_RELU
    case .reluSquared: DYNO_RELU_SQUARED
    case .clampedSwiGLU: DYNO_CLAMPED_SWIGLU
    }
  }
}
