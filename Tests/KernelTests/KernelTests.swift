import Architectures
import CKernels
import Host
import Numerics
import OtherVectorWidths
import TestSupport
import Testing
import Weights

/// Every kernel of every instruction set that this machine runs, and of the other vector widths,
/// against the scalar one, at odd sizes.
@Suite struct KernelTests {
  static let sets =
    Array(KernelTable.available.dropFirst())
    + [4, 16].compactMap { dyno_kernels_of_width($0) }.map(KernelTable.init)
  static let scalar = KernelTable.available[0].functions
  static let sizes = [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 129, 300, 1025]
  static let floats: [DType] = [.f32, .bf16, .f16]

  private func random(_ count: Int, _ seed: UInt64, scale: Float = 1) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
  }

  /// `values` in a storage type, and what they are after rounding to it.
  private func stored(_ values: [Float], _ dtype: DType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: dtype.bytes(values.count))
    if dtype.blockElements == 1 {
      Self.scalar.round(dtype.kernelType, values, values.count, &bytes)
    } else {
      dyno_quantize(dtype.kernelType, values, values.count, &bytes)
    }
    return bytes
  }

  @Test func thisMachineHasSIMDKernels() {
    #expect(KernelTable.available.count > 1, "only the scalar kernels would be tested here")
  }

  @Test(arguments: sets.indices, DType.allCases)
  func expand(set: Int, dtype: DType) {
    for size in Self.sizes.map({ ($0 + dtype.blockElements - 1) / dtype.blockElements }) {
      let count = size * dtype.blockElements
      let bytes = stored(random(count, UInt64(count)), dtype)
      var actual = [Float](repeating: -1, count: count + 1)
      var reference = actual
      Self.sets[set].functions.expand(dtype.kernelType, bytes, count, &actual)
      Self.scalar.expand(dtype.kernelType, bytes, count, &reference)
      // A block's scale and offset may be joined in one multiply-add: a last-place difference.
      #expect(relativeError([actual], [reference]) <= (dtype == .q4_1 ? 1e-7 : 0))
      #expect(actual[count] == -1, "wrote past the end")
    }
  }

  @Test(arguments: sets.indices, floats)
  func round(set: Int, dtype: DType) {
    let special: [Float] = [
      0, -0, .infinity, -.infinity, .nan, 1, 65504, 65520, 1e-8, 6e-5, .greatestFiniteMagnitude,
      1.00390625, 1.01171875, -1.00390625,
    ]
    for size in Self.sizes {
      let values = (special + random(size, UInt64(size), scale: 10)).suffix(size)
      var actual = [UInt8](repeating: 7, count: dtype.bytes(size) + 1)
      var reference = actual
      Self.sets[set].functions.round(dtype.kernelType, Array(values), size, &actual)
      Self.scalar.round(dtype.kernelType, Array(values), size, &reference)
      #expect(actual == reference, "\(dtype), \(size)")
    }
  }

  @Test(arguments: sets.indices, DType.allCases)
  func matmul(set: Int, dtype: DType) {
    for (m, n, k) in [
      (1, 1, 1), (1, 5, 8), (1, 7, 33), (1, 64, 129), (2, 3, 17), (2, 9, 64), (3, 8, 31),
      (4, 6, 100), (5, 13, 40), (6, 4, 65), (7, 70, 12), (11, 67, 7), (13, 66, 300), (16, 65, 1025),
      (31, 10, 47), (65, 9, 2100), (1, 5, 32), (2, 7, 96), (3, 9, 2048),
    ] where k % dtype.blockElements == 0 {
      let w = stored(random(n * k, 1), dtype)
      let xStride = k + 3
      let yStride = n + 2
      let x = random(m * xStride, 2)
      for accumulate in [false, true] {
        var actual = random(m * yStride, 3)
        var reference = actual
        Self.sets[set].functions.matmul(
          dtype.kernelType, w, n, k, x, xStride, m, &actual, yStride, accumulate)
        Self.scalar.matmul(
          dtype.kernelType, w, n, k, x, xStride, m, &reference, yStride, accumulate)
        let error = relativeError([actual], [reference])
        #expect(error <= 1e-6, "m \(m), n \(n), k \(k), accumulate \(accumulate)")
        for row in 0..<m {
          for pad in n..<yStride {
            #expect(actual[row * yStride + pad] == reference[row * yStride + pad], "padding")
          }
        }
      }
    }
  }

  @Test(arguments: 0...sets.count, DType.allCases)
  func gemm(set: Int, dtype: DType) throws {
    let kernels = set < Self.sets.count ? Self.sets[set].functions : Self.scalar
    let scratch = try FloatBuffer(count: Int(DYNO_GEMM_SCRATCH))
    for (m, n, blocks) in [
      (1, 1, 1), (2, 3, 2), (5, 16, 3), (6, 17, 8), (7, 33, 9), (13, 5, 11), (29, 300, 20),
      (48, 513, 8), (12, 32, 33),
    ] {
      // Odd depths where rows need not hold whole blocks.
      let k = dtype.blockElements == 1 ? max(1, 32 * blocks - 5) : 32 * blocks
      let w = stored(random(n * k, 1), dtype)
      var expanded = [Float](repeating: 0, count: n * k)
      Self.scalar.expand(dtype.kernelType, w, n * k, &expanded)
      let xStride = k + 3
      let yStride = n + 2
      let x = random(m * xStride, 2)
      for accumulate in [false, true] {
        var actual = random(m * yStride, 3)
        var reference = actual
        kernels.gemm(
          dtype.kernelType, w, n, k, x, xStride, m, &actual, yStride, accumulate, scratch.base)
        Self.scalar.matmul(
          DYNO_F32, expanded, n, k, x, xStride, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 1e-6, "m \(m), n \(n), k \(k)")
        for row in 0..<m {
          for pad in n..<yStride {
            #expect(actual[row * yStride + pad] == reference[row * yStride + pad], "padding")
          }
        }
      }
    }
  }

  @Test(arguments: sets.indices)
  func rowwise(set: Int) {
    let kernels = Self.sets[set].functions
    for size in Self.sizes {
      let x = random(size, 1, scale: 3)
      let weight = random(size, 2)
      var actual = [Float](repeating: -1, count: size + 1)
      var reference = actual
      kernels.rms_norm(x, weight, size, 1e-5, &actual)
      Self.scalar.rms_norm(x, weight, size, 1e-5, &reference)
      #expect(relativeError([actual], [reference]) <= 1e-6, "rms_norm \(size)")

      var gate = random(size, 3, scale: 30)
      gate[0] = -200  // far out on both sides of the exponential's range
      gate[size - 1] = 200
      kernels.swiglu(gate, weight, size, &actual)
      Self.scalar.swiglu(gate, weight, size, &reference)
      #expect(relativeError([actual], [reference]) <= 1e-6, "swiglu \(size)")
      #expect(actual[size] == -1, "wrote past the end")
    }
  }

  @Test(arguments: sets.indices, [false, true])
  func rotate(set: Int, interleaved: Bool) {
    for half in Self.sizes {
      var actual = random(2 * half, 1)
      var reference = actual
      let cosines = random(half, 2)
      let sines = random(half, 3)
      Self.sets[set].functions.rotate(&actual, cosines, sines, 2 * half, interleaved)
      Self.scalar.rotate(&reference, cosines, sines, 2 * half, interleaved)
      #expect(relativeError([actual], [reference]) <= 1e-6, "\(half) pairs")
    }
  }

  @Test(arguments: sets.indices, floats)
  func attention(set: Int, dtype: DType) throws {
    for (rows, e, first, count) in [
      (1, 2, 0, 1), (1, 64, 0, 64), (2, 10, 3, 65), (3, 33, 0, 130), (4, 64, 5, 200),
      (5, 16, 0, 63),
      (9, 128, 60, 70), (7, 40, 0, 513), (64, 24, 0, 129),
    ] {
      let positions = first + count
      let keys = stored(random(positions * e, 1, scale: 3), dtype)
      let values = stored(random(positions * e, 2), dtype)
      let stride = e + 5
      let queries = try FloatBuffer(random(rows * stride, 3))
      // Causal edges, a window, and a row that sees nothing here.
      let from = UnsafeMutablePointer<Int>.allocate(capacity: rows)
      let to = UnsafeMutablePointer<Int>.allocate(capacity: rows)
      defer {
        from.deallocate()
        to.deallocate()
      }
      for row in 0..<rows {
        from[row] = row % 3 == 1 ? first + count / 2 : 0
        to[row] = row % 5 == 4 ? first : max(1, positions - row % 7)
      }
      func run(_ table: dyno_kernels) throws -> [[Float]] {
        let maximum = try FloatBuffer(Array(repeating: -.infinity, count: rows))
        let sum = try FloatBuffer(count: rows)
        let output = try FloatBuffer(count: rows * e)
        let scratch = try FloatBuffer(
          Array(repeating: .nan, count: dyno_attention_scratch(rows)))
        keys.withUnsafeBytes { keys in
          values.withUnsafeBytes { values in
            var block = dyno_attention_block(
              cache_type: dtype.kernelType, head_dimension: e, keys: keys.baseAddress,
              values: values.baseAddress, first: first, count: count, queries: queries.base,
              query_stride: stride, rows: rows, visible_from: from, visible_to: to,
              maximum: maximum.base, sum: sum.base, output: output.base, scratch: scratch.base)
            table.attention(&block)
          }
        }
        return [sum, output, maximum].map { buffer in
          (0..<buffer.count).map { buffer.base[$0].isFinite ? buffer.base[$0] : 0 }
        }
      }
      let actual = try run(Self.sets[set].functions)
      let reference = try run(Self.scalar)
      for (a, b) in zip(actual, reference) {
        #expect(relativeError([a + [1]], [b + [1]]) <= 2e-6, "rows \(rows), e \(e), \(count)")
      }
    }
  }

  @Test(arguments: sets.indices, floats)
  func fillUniform(set: Int, dtype: DType) {
    for size in Self.sizes {
      var actual = [UInt8](repeating: 7, count: dtype.bytes(size) + 1)
      var reference = actual
      Self.sets[set].functions.fill_uniform(dtype.kernelType, 42, size, 0.5, &actual)
      Self.scalar.fill_uniform(dtype.kernelType, 42, size, 0.5, &reference)
      #expect(actual == reference)
    }
  }

  @Test(arguments: sets.indices, [1, 2, 4, 8])
  func readTouchesEveryValue(set: Int, streams: Int32) {
    let values = [Float](repeating: 1, count: 8192)
    #expect(Self.sets[set].functions.read(values, values.count * 4, streams) == 8192)
  }
}

/// GGUF's block formats by their definition.
@Suite struct QuantizationTests {
  /// The largest error that a format's rounding allows on values within ±1.
  @Test(arguments: [DType.q8_0, .q4_0, .q4_1])
  func errorIsOneStepAtMost(dtype: DType) {
    let steps: [DType: Double] = [.q8_0: 127, .q4_0: 8, .q4_1: 15]
    let bound = 1.1 / steps[dtype]!
    var generator = SeededGenerator(seed: 5)
    let values = (0..<3200).map { _ in Float.random(in: -1...1, using: &generator) }
    var bytes = [UInt8](repeating: 0, count: dtype.bytes(values.count))
    dyno_quantize(dtype.kernelType, values, values.count, &bytes)
    var back = [Float](repeating: 0, count: values.count)
    KernelTable.available[0].functions.expand(dtype.kernelType, bytes, values.count, &back)
    let worst = zip(values, back).map { Double(abs($0 - $1)) }.max()!
    #expect(worst <= bound)
    #expect(worst > bound / 5, "nothing was quantised")
  }

  @Test(arguments: [DType.q8_0, .q4_0, .q4_1])
  func zeroesStayZeroes(dtype: DType) {
    let values = [Float](repeating: 0, count: 64)
    var bytes = [UInt8](repeating: 1, count: dtype.bytes(64))
    dyno_quantize(dtype.kernelType, values, 64, &bytes)
    var back = [Float](repeating: 1, count: 64)
    KernelTable.available[0].functions.expand(dtype.kernelType, bytes, 64, &back)
    #expect(back == values)
  }
}
