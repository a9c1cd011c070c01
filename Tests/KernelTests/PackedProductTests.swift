import CKernels
import Formats
import Machine
import Numerics
import OtherVectorWidths
import TestSupport
import Testing
import Weights

/// Products of packed weights of every instruction set, against the scalar kernels.
@Suite struct PackedProductTests {
  /// `n` rows packed into panels.
  private func packed(
    _ rows: [UInt8], _ dtype: DType, n: Int, k: Int, panel: Int, _ kernels: dyno_kernels
  ) throws -> PageMemory {
    let bytes = dtype.bytes(k)
    let panels = try PageMemory(n * bytes)
    rows.withUnsafeBytes { rows in
      for first in stride(from: 0, to: n, by: panel) {
        kernels.pack_rows(
          dtype.kernelType, rows.baseAddress! + first * bytes, k, panels.base + first * bytes)
      }
    }
    return panels
  }

  @Test(arguments: Kernels.sets.indices, DType.allCases)
  func packing(set: Int, dtype: DType) throws {
    let kernels = Kernels.sets[set].functions
    let isBlocks = dtype.isBlocks
    let n = isBlocks ? kernels.block_panel : kernels.float_panel
    for k in isBlocks ? [1, 3, 10].map({ $0 * dtype.blockElements }) : [1, 2, 15, 16, 17, 33, 100] {
      let rows = Kernels.stored(Kernels.random(n * k, 4), dtype)
      let panels = try packed(rows, dtype, n: n, k: k, panel: n, kernels)
      var actual = [Float](repeating: -1, count: k + 1)
      var reference = actual
      for row in 0..<n {
        kernels.expand_packed(dtype.kernelType, panels.base, row, k, &actual)
        rows.withUnsafeBytes {
          Kernels.scalar.expand(
            dtype.kernelType, $0.baseAddress! + row * dtype.bytes(k), k, &reference)
        }
        #expect(relativeError([actual], [reference]) <= 1e-7, "row \(row) of \(k)")
      }
    }
  }

  @Test(arguments: Kernels.sets.indices, Kernels.floats)
  func matmulPacked(set: Int, dtype: DType) throws {
    let kernels = Kernels.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    for (m, panels, k) in [
      (1, 1, 1), (1, 5, 33), (1, 9, 2048), (2, 1, 17), (2, 7, 300), (3, 2, 256), (4, 3, 257),
      (5, 2, 100), (6, 1, 513), (7, 2, 64), (8, 3, 1025), (9, 1, 40), (12, 2, 300), (13, 2, 255),
      (29, 1, 512), (121, 1, 300), (250, 1, 33), (16, 2, 97), (33, 3, 62), (48, 1, 290),
      // Inputs that are cut in parts.
      (3, 2, 2050), (5, 1, 2561), (7, 1, 4097), (61, 1, 2563),
    ] {
      let n = panels * kernels.float_panel
      let rows = Kernels.stored(Kernels.random(n * k, 1), dtype)
      let w = try packed(rows, dtype, n: n, k: k, panel: kernels.float_panel, kernels)
      let (xStride, yStride) = (k + 3, n + 2)
      let x = Kernels.random(m * xStride, 2)
      for accumulate in [false, true] {
        var actual = Kernels.random(m * yStride, 3)
        var reference = actual
        kernels.matmul_packed(
          dtype.kernelType, w.base, n, k, x, xStride, m, &actual, yStride, accumulate, scratch.base)
        Kernels.scalar.matmul(
          dtype.kernelType, rows, n, k, x, xStride, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 1e-6, "m \(m), n \(n), k \(k)")
        Kernels.expectPadding(actual, reference, rows: m, width: n, stride: yStride)
      }
    }
  }

  /// What is not finite shows as in f32, whatever parts of it are multiplied, and in its row only.
  @Test(arguments: Kernels.sets.indices, Kernels.floats)
  func matmulPackedShowsWhatIsNotFinite(set: Int, dtype: DType) throws {
    let kernels = Kernels.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    let (k, n) = (67, kernels.float_panel)
    let rows = Kernels.stored(Kernels.random(n * k, 1).map { abs($0) + 0.1 }, dtype)
    let w = try packed(rows, dtype, n: n, k: k, panel: n, kernels)
    for m in [1, 2, 9, 17] {
      for value in [Float.infinity, -.infinity, .nan] {
        var x = Kernels.random(m * k, 2)
        x[(m / 2) * k + 5] = value
        var y = [Float](repeating: 0, count: m * n)
        kernels.matmul_packed(
          dtype.kernelType, w.base, n, k, x, k, m, &y, n, false, scratch.base)
        for row in 0..<m {
          let made = y[row * n..<row * n + n]
          let shows = made.allSatisfy { value.isNaN ? $0.isNaN : $0 == value }
          #expect(row == m / 2 ? shows : made.allSatisfy(\.isFinite), "row \(row) of \(m)")
        }
      }
    }
  }

  /// Against the scalar kernel on what the quantised activations stand for: nothing but the order of
  /// f32 sums may differ. And the activations themselves are right within half a quant.
  @Test(arguments: Kernels.sets.indices, DType.allCases.filter(\.isBlocks))
  func matmulQuantized(set: Int, dtype: DType) throws {
    let kernels = Kernels.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    let unit = dtype.blockElements
    for (m, panels, elements) in [
      (1, 1, 32), (1, 4, 288), (1, 7, 2048), (2, 5, 96), (3, 3, 256), (4, 9, 544), (5, 1, 64),
      (6, 8, 288), (7, 3, 128), (8, 17, 160), (9, 2, 1056), (11, 3, 160), (16, 5, 288),
      (17, 3, 64), (30, 11, 256), (150, 2, 2560),
    ] {
      let n = panels * kernels.block_panel
      let k = (elements + unit - 1) / unit * unit
      var rows = Kernels.stored(Kernels.random(n * k, 1), dtype)
      // Codes that quantising does not give, but files may hold: all bits set, −128. Behind the
      // first block's scales, which Q2_K, Q3_K and Q6_K have at its end.
      for i in rows.indices.prefix(dtype.blockBytes).dropLast(4).dropFirst(16) { rows[i] = 0xff }
      if dtype == .q8_0 { rows[2] = 0x80 }
      let w = try packed(rows, dtype, n: n, k: k, panel: kernels.block_panel, kernels)
      var x = Kernels.random(m * k, 2)
      for i in 0..<32 { x[i] = i % 4 < 2 ? 1 : -1 }
      for i in 32..<min(64, x.count) { x[i] = 0 }  // a block of nothing
      for i in x.count - 32..<x.count where m > 1 { x[i] = -1 }
      let stride = kernels.activation_bytes(dtype.kernelType, k) + 8
      var quantized = [UInt8](repeating: 0, count: m * stride)
      var meant = [Float]()
      let blockBytes = kernels.activation_bytes(dtype.kernelType, 32)
      for row in 0..<m {
        let values = Array(x[row * k..<row * k + k])
        quantized.withUnsafeMutableBytes { bytes in
          kernels.quantize_activations(
            dtype.kernelType, values, k, bytes.baseAddress! + row * stride)
          for block in 0..<k / 32 {
            // The scale comes first, the bytes last.
            let start = row * stride + block * blockBytes
            let scale = bytes.loadUnaligned(fromByteOffset: start, as: Float.self)
            let most = values[block * 32..<block * 32 + 32].map(abs).max()!
            for i in 0..<32 {
              let quant = bytes.load(fromByteOffset: start + blockBytes - 32 + i, as: Int8.self)
              let value = Float(quant) * scale
              #expect(abs(value - values[block * 32 + i]) <= 0.505 * most / 127)
              meant.append(value)
            }
          }
        }
      }
      var weights = [Float](repeating: 0, count: n * k)
      Kernels.scalar.expand(dtype.kernelType, rows, n * k, &weights)
      let yStride = n + 2
      for accumulate in [false, true] {
        var actual = Kernels.random(m * yStride, 3)
        var reference = actual
        kernels.matmul_quantized(
          dtype.kernelType, w.base, n, k, quantized, stride, m, &actual, yStride, accumulate,
          scratch.base)
        Kernels.scalar.matmul(DYNO_F32, weights, n, k, meant, k, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 2e-6, "m \(m), n \(n), k \(k)")
        Kernels.expectPadding(actual, reference, rows: m, width: n, stride: yStride)
      }
    }
  }

  /// bf16 by bf16 against the scalar kernel on the rounded activations.
  @Test(arguments: Kernels.sets.indices)
  func matmulPairs(set: Int) throws {
    let kernels = Kernels.sets[set].functions
    guard kernels.multiply_add_pairs != nil else { return }
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    for (m, panels, k) in [
      (1, 1, 1), (1, 5, 33), (1, 9, 2048), (2, 1, 17), (2, 7, 300), (3, 2, 256), (4, 3, 257),
      (5, 2, 100), (6, 1, 513), (7, 2, 64), (8, 3, 1025), (9, 1, 40), (12, 2, 300), (13, 2, 255),
      (29, 1, 512), (121, 1, 300), (250, 1, 33), (16, 2, 97), (33, 3, 62), (48, 1, 290),
      (3, 2, 5122), (5, 1, 5133), (61, 1, 5123),
    ] {
      let n = panels * kernels.float_panel
      let rows = Kernels.stored(Kernels.random(n * k, 1), .bf16)
      let w = try packed(rows, .bf16, n: n, k: k, panel: kernels.float_panel, kernels)
      let x = Kernels.random(m * k, 2)
      let stride = kernels.activation_bytes(DYNO_BF16, k) + 8
      var rounded = [UInt8](repeating: 0xff, count: m * stride)
      var meant = [Float]()
      for row in 0..<m {
        let values = Array(x[row * k..<row * k + k])
        rounded.withUnsafeMutableBytes {
          kernels.quantize_activations(DYNO_BF16, values, k, $0.baseAddress! + row * stride)
        }
        var expanded = values
        Kernels.scalar.expand(DYNO_BF16, Kernels.stored(values, .bf16), k, &expanded)
        meant += expanded
      }
      let yStride = n + 2
      for accumulate in [false, true] {
        var actual = Kernels.random(m * yStride, 3)
        var reference = actual
        kernels.matmul_quantized(
          DYNO_BF16, w.base, n, k, rounded, stride, m, &actual, yStride, accumulate, scratch.base)
        Kernels.scalar.matmul(DYNO_BF16, rows, n, k, meant, k, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 2e-6, "m \(m), n \(n), k \(k)")
        Kernels.expectPadding(actual, reference, rows: m, width: n, stride: yStride)
      }
    }
  }

  /// What is not finite has no quant, and must show in the result all the same.
  @Test(arguments: Kernels.sets.indices, [Float.nan, .infinity, -.infinity])
  func activationsThatAreNotFiniteShow(set: Int, value: Float) throws {
    let kernels = Kernels.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    for dtype in DType.allCases where dtype.isBlocks {
      let n = kernels.block_panel
      let k = 2 * dtype.blockElements
      let w = try packed(
        Kernels.stored(Kernels.random(n * k, 1), dtype), dtype, n: n, k: k, panel: n, kernels)
      var x = Kernels.random(k, 2)
      x[40] = value
      let stride = kernels.activation_bytes(dtype.kernelType, k)
      var quantized = [UInt8](repeating: 0, count: stride)
      kernels.quantize_activations(dtype.kernelType, x, k, &quantized)
      var y = [Float](repeating: 0, count: n)
      kernels.matmul_quantized(
        dtype.kernelType, w.base, n, k, quantized, stride, 1, &y, n, false, scratch.base)
      #expect(!y.contains { !$0.isNaN })
    }
  }

  /// A weight that is NaN must show in every product with its block, whatever stands beside it, and
  /// in no other.
  @Test(arguments: Kernels.sets.indices, DType.allCases.filter(\.isBlocks))
  func weightsThatAreNotANumberShow(set: Int, dtype: DType) throws {
    let kernels = Kernels.sets[set].functions
    let unit = dtype.blockElements
    let (n, k) = (kernels.block_panel, 3 * unit)
    for position in [0, 1, 15, 16, 31, unit + 8, k - 1] {
      var weights = Kernels.random(n * k, 21)
      weights[k + position] = .nan
      if position % 2 == 1 { weights[k + position] = -.nan }
      let rows = Kernels.stored(weights, dtype)
      var expanded = [Float](repeating: 0, count: n * k)
      kernels.expand(dtype.kernelType, rows, n * k, &expanded)
      let block = (k + position) / unit
      for (index, value) in expanded.enumerated() {
        #expect(value.isNaN == (index / unit == block), "element \(index)")
      }
      let panels = try packed(rows, dtype, n: n, k: k, panel: n, kernels)
      let x = [Float](repeating: 0, count: k)
      var y = [Float](repeating: 0, count: n)
      let stride = kernels.activation_bytes(dtype.kernelType, k)
      var quantized = [UInt8](repeating: 0, count: stride)
      kernels.quantize_activations(dtype.kernelType, x, k, &quantized)
      let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
      kernels.matmul_quantized(
        dtype.kernelType, panels.base, n, k, quantized, stride, 1, &y, n, false, scratch.base)
      for row in 0..<n { #expect(y[row].isNaN == (row == 1), "row \(row)") }
    }
  }
}
