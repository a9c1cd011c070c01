import Architectures
import CKernels
import COpenBLAS
import Host
import Weights

/// Rows of f32 activations. Rows are padded apart where their length would make them collide in
/// the cache's sets (multiples of 2 KiB do).
package struct Activations {
  package let buffer: FloatBuffer
  let width: Int
  let stride: Int

  package init(rows: Int, width: Int) throws {
    self.width = width
    stride = Self.stride(width)
    buffer = try FloatBuffer(count: rows * stride)
  }

  static func stride(_ width: Int) -> Int {
    let aligned = (width + 15) / 16 * 16
    return aligned % 512 == 0 ? aligned + 16 : aligned
  }

  static func bytes(rows: Int, width: Int) -> Int { saturatingProduct(4, rows, stride(width)) }

  package func row(_ index: Int) -> UnsafeMutablePointer<Float> { buffer.base + index * stride }
}

/// How a matmul is done.
package enum MatmulPath: Sendable {
  /// Dot products in register tiles, weights read where they lie: bound by memory for few rows.
  case tiles
  /// Weights expanded into panels that many activation rows share.
  case panels
  /// OpenBLAS's sgemm, on weights expanded to f32.
  case openBLAS
}

/// `y = x·Wᵀ + b` over the team, each thread making its own slice of the outputs: the slice whose
/// weights it touched first.
package struct Matmul {
  let team: ThreadTeam
  let kernels: KernelTable
  private let forced: MatmulPath?
  /// Working memory of each thread.
  private let scratch: [FloatBuffer]

  /// f32 values of a thread's working memory: 512 KiB hold what the panels need, or some rows of
  /// weights expanded for the other paths; at least one row always fits.
  private static func scratchCount(_ architecture: Architecture) -> Int {
    max(1 << 17, architecture.hiddenSize, architecture.intermediateSize, architecture.queryWidth)
  }

  /// Activation rows from which panels are faster than tiles: by `make bench` on Zen 3, GFLOP/s of
  /// tiles and panels are 106 and 92 at 32 rows, 113 and 111 at 48, 118 and 132 at 128 (f32; bf16
  /// 110 and 85, 108 and 109, 100 and 129). OpenBLAS's f32 was behind the better of them at 32 (78),
  /// 48 (94), 128 (125) and 512 rows (141 against 147), and level at 256 (141): it serves machines
  /// that we have no SIMD kernels for.
  package static let panelRows = 48

  /// Activation rows from which weights are expanded to memory once, not in registers for each row:
  /// measured with `make bench` on Zen 3.
  private static func expandedRows(_ dtype: DType) -> Int {
    switch dtype {
    case .f32, .bf16, .f16: .max
    case .q8_0: 3
    case .q4_0, .q4_1: 2
    }
  }

  /// - Parameters:
  ///   - architecture: whose weights will be multiplied.
  ///   - path: the path for all matmuls, for benchmarks; `nil` for the fastest.
  package init(
    _ architecture: Architecture, team: ThreadTeam, kernels: KernelTable, path: MatmulPath? = nil
  ) throws {
    self.team = team
    self.kernels = kernels
    forced = path
    scratch = try (0..<team.count).map { _ in
      try FloatBuffer(count: Self.scratchCount(architecture))
    }
    OpenBLAS.useOneThread()
  }

  static func bytes(_ architecture: Architecture, threads: Int) -> Int {
    4 * threads * scratchCount(architecture)
  }

  /// Writes `m` rows of `y`, or adds to them where `accumulate`.
  package func callAsFunction(
    _ linear: Linear, _ x: Activations, m: Int, into y: Activations, accumulate: Bool = false
  ) {
    let path = forced ?? path(m)
    var column = 0
    for part in linear.parts {
      let first = column
      team.share(
        part.rows, grain: ModelWeights.rowGrain, chunk: chunk(part, path)
      ) { rank, range in
        let start = first + range.lowerBound
        let out = y.buffer.base + start
        var add = accumulate
        if let bias = linear.bias {
          for row in 0..<m {
            for i in 0..<range.count {
              let before = accumulate ? out[row * y.stride + i] : 0
              out[row * y.stride + i] = before + bias.base[start + i]
            }
          }
          add = true
        }
        multiply(part, range, x, m, out, y.stride, add, path, scratch[rank].base)
      }
      column += part.rows
    }
  }

  private func path(_ m: Int) -> MatmulPath {
    if m < Self.panelRows { return .tiles }
    return kernels.functions.instruction_set == DYNO_SCALAR ? .openBLAS : .panels
  }

  /// Rows that a thread takes at a time: small enough to even out the threads, large enough to
  /// stream memory and to fill the kernels' blocks.
  private func chunk(_ matrix: Matrix, _ path: MatmulPath) -> Int {
    switch path {
    case .tiles:
      let grain = ModelWeights.rowGrain
      return max(grain, (1 << 18) / matrix.rowBytes / grain * grain)
    case .panels: return 256
    case .openBLAS: return max(256, (matrix.rows / team.count + 255) / 256 * 256)
    }
  }

  /// One thread's part: the outputs `rows` of one matrix. `y` points at the first of them.
  private func multiply(
    _ matrix: Matrix, _ rows: Range<Int>, _ x: Activations, _ m: Int,
    _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ accumulate: Bool, _ path: MatmulPath,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let k = matrix.columns
    let type = matrix.dtype.kernelType
    let functions = kernels.functions
    switch path {
    case .panels:
      functions.gemm(
        type, matrix.row(rows.lowerBound), rows.count, k, x.buffer.base, x.stride, m, y, yStride,
        accumulate, scratch)
    case .tiles where m < Self.expandedRows(matrix.dtype):
      functions.matmul(
        type, matrix.row(rows.lowerBound), rows.count, k, x.buffer.base, x.stride, m, y, yStride,
        accumulate)
    case .tiles:
      // As many rows as stay in the L2 cache between being expanded and being used.
      forEachExpanded(matrix, rows, scratch, limit: 1 << 15) { w, count, offset in
        functions.matmul(
          DYNO_F32, w, count, k, x.buffer.base, x.stride, m, y + offset, yStride, accumulate)
      }
    case .openBLAS:
      forEachExpanded(matrix, rows, scratch, limit: 1 << 17) { w, count, offset in
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m), blasint(count), blasint(k), 1,
          x.buffer.base, blasint(x.stride), w, blasint(k), accumulate ? 1 : 0, y + offset,
          blasint(yStride))
      }
    }
  }

  /// Goes through rows as f32: where they lie, or expanded to `scratch` a few at a time.
  private func forEachExpanded(
    _ matrix: Matrix, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>, limit: Int,
    _ body: (_ w: UnsafePointer<Float>, _ count: Int, _ offset: Int) -> Void
  ) {
    guard matrix.dtype != .f32 else {
      let w = matrix.row(rows.lowerBound).assumingMemoryBound(to: Float.self)
      return body(w, rows.count, 0)
    }
    let step = max(1, limit / matrix.columns)
    for low in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
      let count = min(step, rows.upperBound - low)
      kernels.functions.expand(
        matrix.dtype.kernelType, matrix.row(low), count * matrix.columns, scratch)
      body(UnsafePointer(scratch), count, low - rows.lowerBound)
    }
  }
}
