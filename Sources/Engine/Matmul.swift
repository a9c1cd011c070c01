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

  static func bytes(rows: Int, width: Int) -> Int { 4 * rows * stride(width) }

  package func row(_ index: Int) -> UnsafeMutablePointer<Float> { buffer.base + index * stride }
}

/// `y = x·Wᵀ + b` over the team, each thread making its own slice of the outputs: the slice whose
/// weights it touched first.
package struct Matmul {
  let team: ThreadTeam
  let kernels: KernelTable
  /// A panel of weights expanded to f32, for each thread.
  private let panels: [FloatBuffer]

  /// 4 MiB: enough rows that BLAS's packing of the activations is small beside the product.
  private static let panelCount = 1 << 20

  /// Rows from which OpenBLAS is faster than our kernels. Measured on Zen 3 with f32 weights of
  /// 8192 × 2048 (`make bench`): at 64 rows ours does 142 GFLOP/s against 130, at 128 it is 137
  /// against 154.
  package static let blasCrossover = 96
  private let blasRows: Int

  package init(
    team: ThreadTeam, kernels: KernelTable, blasRows: Int = Matmul.blasCrossover
  ) throws {
    self.blasRows = blasRows
    self.team = team
    self.kernels = kernels
    panels = try (0..<team.count).map { _ in try FloatBuffer(count: Self.panelCount) }
    OpenBLAS.useOneThread()
  }

  static func bytes(threads: Int) -> Int { threads * panelCount * 4 }

  /// Writes `m` rows of `y`, or adds to them where `accumulate`.
  package func callAsFunction(
    _ linear: Linear, _ x: Activations, m: Int, into y: Activations, accumulate: Bool = false
  ) {
    var column = 0
    for part in linear.parts {
      let first = column
      team.share(part.rows, grain: ModelWeights.rowGrain, chunk: chunk(part, m)) { rank, range in
        let start = first + range.lowerBound
        var add = accumulate
        if let bias = linear.bias {
          for row in 0..<m {
            let out = y.row(row) + start
            for i in 0..<range.count {
              out[i] = (accumulate ? out[i] : 0) + bias.base[start + i]
            }
          }
          add = true
        }
        multiply(part, range, x, m, y.buffer.base + start, y.stride, add, panels[rank].base)
      }
      column += part.rows
    }
  }

  /// Rows that a thread takes at a time: small enough to even out the threads, large enough that
  /// memory streams and BLAS's packing of the activations is amortised.
  private func chunk(_ matrix: Matrix, _ m: Int) -> Int {
    let grain = ModelWeights.rowGrain
    let rows: Int
    if m < blasRows {
      rows = (1 << 18) / matrix.rowBytes
    } else {
      let share = (matrix.rows + team.count - 1) / team.count
      rows = share / max(1, min(8, share / 1024))
    }
    return max(grain, (rows + grain - 1) / grain * grain)
  }

  /// One thread's part: the outputs `rows` of one matrix. `y` points at the first of them.
  private func multiply(
    _ matrix: Matrix, _ rows: Range<Int>, _ x: Activations, _ m: Int,
    _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ accumulate: Bool,
    _ panel: UnsafeMutablePointer<Float>
  ) {
    let k = matrix.columns
    let direct = m < blasRows || kernels.functions.instruction_set == DYNO_SCALAR
    if matrix.dtype.blockElements == 1, direct {
      kernels.functions.matmul(
        matrix.dtype.kernelType, matrix.row(rows.lowerBound), rows.count, k, x.buffer.base,
        x.stride, m, y, yStride, accumulate)
      return
    }
    if matrix.dtype == .f32 {
      sgemm(
        matrix.row(rows.lowerBound).assumingMemoryBound(to: Float.self), rows.count, k, x, m, y,
        yStride, accumulate)
      return
    }
    // Few activations: a panel that stays in the L2 cache between being expanded and being used.
    let panelRows = max(1, (direct ? 1 << 15 : Self.panelCount) / k)
    var low = rows.lowerBound
    while low < rows.upperBound {
      let count = min(panelRows, rows.upperBound - low)
      kernels.functions.expand(matrix.dtype.kernelType, matrix.row(low), count * k, panel)
      let out = y + (low - rows.lowerBound)
      if direct {
        kernels.functions.matmul(
          DYNO_F32, panel, count, k, x.buffer.base, x.stride, m, out, yStride, accumulate)
      } else {
        sgemm(panel, count, k, x, m, out, yStride, accumulate)
      }
      low += count
    }
  }

  private func sgemm(
    _ w: UnsafePointer<Float>, _ n: Int, _ k: Int, _ x: Activations, _ m: Int,
    _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ accumulate: Bool
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m), blasint(n), blasint(k), 1,
      x.buffer.base, blasint(x.stride), w, blasint(k), accumulate ? 1 : 0, y, blasint(yStride))
  }
}
