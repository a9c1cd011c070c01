import CKernels
import Formats
import Machine
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
    + (0..<5).compactMap { dyno_emulated_kernels($0) }.map(KernelTable.init)
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
    if !dtype.isBlocks {
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
      #expect(relativeError([actual], [reference]) <= (dtype.isBlocks ? 1e-7 : 0))
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

  @Test(arguments: sets.indices, floats)
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

  @Test(arguments: sets.indices, DType.allCases)
  func packing(set: Int, dtype: DType) throws {
    let kernels = Self.sets[set].functions
    let isBlocks = dtype.isBlocks
    let n = isBlocks ? kernels.block_panel : kernels.float_panel
    for k in isBlocks ? [1, 3, 10].map({ $0 * dtype.blockElements }) : [1, 2, 15, 16, 17, 33, 100] {
      let rows = stored(random(n * k, 4), dtype)
      let panels = try packed(rows, dtype, n: n, k: k, panel: n, kernels)
      var actual = [Float](repeating: -1, count: k + 1)
      var reference = actual
      for row in 0..<n {
        kernels.expand_packed(dtype.kernelType, panels.base, row, k, &actual)
        rows.withUnsafeBytes {
          Self.scalar.expand(
            dtype.kernelType, $0.baseAddress! + row * dtype.bytes(k), k, &reference)
        }
        #expect(relativeError([actual], [reference]) <= 1e-7, "row \(row) of \(k)")
      }
    }
  }

  @Test(arguments: sets.indices, floats)
  func matmulPacked(set: Int, dtype: DType) throws {
    let kernels = Self.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    for (m, panels, k) in [
      (1, 1, 1), (1, 5, 33), (1, 9, 2048), (2, 1, 17), (2, 7, 300), (3, 2, 256), (4, 3, 257),
      (5, 2, 100), (6, 1, 513), (7, 2, 64), (8, 3, 1025), (9, 1, 40), (12, 2, 300), (13, 2, 255),
      (29, 1, 512), (121, 1, 300), (250, 1, 33), (16, 2, 97), (33, 3, 62), (48, 1, 290),
      // Inputs that are cut in parts.
      (3, 2, 2050), (5, 1, 2561), (7, 1, 4097), (61, 1, 2563),
    ] {
      let n = panels * kernels.float_panel
      let rows = stored(random(n * k, 1), dtype)
      let w = try packed(rows, dtype, n: n, k: k, panel: kernels.float_panel, kernels)
      let (xStride, yStride) = (k + 3, n + 2)
      let x = random(m * xStride, 2)
      for accumulate in [false, true] {
        var actual = random(m * yStride, 3)
        var reference = actual
        kernels.matmul_packed(
          dtype.kernelType, w.base, n, k, x, xStride, m, &actual, yStride, accumulate, scratch.base)
        Self.scalar.matmul(
          dtype.kernelType, rows, n, k, x, xStride, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 1e-6, "m \(m), n \(n), k \(k)")
        expectPadding(actual, reference, rows: m, width: n, stride: yStride)
      }
    }
  }

  /// What is not finite shows as in f32, whatever parts of it are multiplied, and in its row only.
  @Test(arguments: sets.indices, floats)
  func matmulPackedShowsWhatIsNotFinite(set: Int, dtype: DType) throws {
    let kernels = Self.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    let (k, n) = (67, kernels.float_panel)
    let rows = stored(random(n * k, 1).map { abs($0) + 0.1 }, dtype)
    let w = try packed(rows, dtype, n: n, k: k, panel: n, kernels)
    for m in [1, 2, 9, 17] {
      for value in [Float.infinity, -.infinity, .nan] {
        var x = random(m * k, 2)
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
  @Test(arguments: sets.indices, DType.allCases.filter(\.isBlocks))
  func matmulQuantized(set: Int, dtype: DType) throws {
    let kernels = Self.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    let unit = dtype.blockElements
    for (m, panels, elements) in [
      (1, 1, 32), (1, 4, 288), (1, 7, 2048), (2, 5, 96), (3, 3, 256), (4, 9, 544), (5, 1, 64),
      (6, 8, 288), (7, 3, 128), (8, 17, 160), (9, 2, 1056), (11, 3, 160), (16, 5, 288),
      (17, 3, 64), (30, 11, 256), (150, 2, 2560),
    ] {
      let n = panels * kernels.block_panel
      let k = (elements + unit - 1) / unit * unit
      var rows = stored(random(n * k, 1), dtype)
      // Codes that quantising does not give, but files may hold: all bits set, −128. Behind the
      // first block's scales, which Q2_K, Q3_K and Q6_K have at its end.
      for i in rows.indices.prefix(dtype.blockBytes).dropLast(4).dropFirst(16) { rows[i] = 0xff }
      if dtype == .q8_0 { rows[2] = 0x80 }
      let w = try packed(rows, dtype, n: n, k: k, panel: kernels.block_panel, kernels)
      var x = random(m * k, 2)
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
      Self.scalar.expand(dtype.kernelType, rows, n * k, &weights)
      let yStride = n + 2
      for accumulate in [false, true] {
        var actual = random(m * yStride, 3)
        var reference = actual
        kernels.matmul_quantized(
          dtype.kernelType, w.base, n, k, quantized, stride, m, &actual, yStride, accumulate,
          scratch.base)
        Self.scalar.matmul(DYNO_F32, weights, n, k, meant, k, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 2e-6, "m \(m), n \(n), k \(k)")
        expectPadding(actual, reference, rows: m, width: n, stride: yStride)
      }
    }
  }

  /// bf16 by bf16 against the scalar kernel on the rounded activations.
  @Test(arguments: sets.indices)
  func matmulPairs(set: Int) throws {
    let kernels = Self.sets[set].functions
    guard kernels.multiply_add_pairs != nil else { return }
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    for (m, panels, k) in [
      (1, 1, 1), (1, 5, 33), (1, 9, 2048), (2, 1, 17), (2, 7, 300), (3, 2, 256), (4, 3, 257),
      (5, 2, 100), (6, 1, 513), (7, 2, 64), (8, 3, 1025), (9, 1, 40), (12, 2, 300), (13, 2, 255),
      (29, 1, 512), (121, 1, 300), (250, 1, 33), (16, 2, 97), (33, 3, 62), (48, 1, 290),
      (3, 2, 5122), (5, 1, 5133), (61, 1, 5123),
    ] {
      let n = panels * kernels.float_panel
      let rows = stored(random(n * k, 1), .bf16)
      let w = try packed(rows, .bf16, n: n, k: k, panel: kernels.float_panel, kernels)
      let x = random(m * k, 2)
      let stride = kernels.activation_bytes(DYNO_BF16, k) + 8
      var rounded = [UInt8](repeating: 0xff, count: m * stride)
      var meant = [Float]()
      for row in 0..<m {
        let values = Array(x[row * k..<row * k + k])
        rounded.withUnsafeMutableBytes {
          kernels.quantize_activations(DYNO_BF16, values, k, $0.baseAddress! + row * stride)
        }
        var expanded = values
        Self.scalar.expand(DYNO_BF16, stored(values, .bf16), k, &expanded)
        meant += expanded
      }
      let yStride = n + 2
      for accumulate in [false, true] {
        var actual = random(m * yStride, 3)
        var reference = actual
        kernels.matmul_quantized(
          DYNO_BF16, w.base, n, k, rounded, stride, m, &actual, yStride, accumulate, scratch.base)
        Self.scalar.matmul(DYNO_BF16, rows, n, k, meant, k, m, &reference, yStride, accumulate)
        #expect(relativeError([actual], [reference]) <= 2e-6, "m \(m), n \(n), k \(k)")
        expectPadding(actual, reference, rows: m, width: n, stride: yStride)
      }
    }
  }

  private func expectPadding(
    _ actual: [Float], _ reference: [Float], rows: Int, width: Int, stride: Int
  ) {
    for row in 0..<rows {
      for pad in width..<stride {
        #expect(actual[row * stride + pad] == reference[row * stride + pad], "padding")
      }
    }
  }

  /// What is not finite has no quant, and must show in the result all the same.
  @Test(arguments: sets.indices, [Float.nan, .infinity, -.infinity])
  func activationsThatAreNotFiniteShow(set: Int, value: Float) throws {
    let kernels = Self.sets[set].functions
    let scratch = try FloatBuffer(count: Int(DYNO_SCRATCH))
    for dtype in DType.allCases where dtype.isBlocks {
      let n = kernels.block_panel
      let k = 2 * dtype.blockElements
      let w = try packed(stored(random(n * k, 1), dtype), dtype, n: n, k: k, panel: n, kernels)
      var x = random(k, 2)
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
  @Test(arguments: sets.indices, DType.allCases.filter(\.isBlocks))
  func weightsThatAreNotANumberShow(set: Int, dtype: DType) throws {
    let kernels = Self.sets[set].functions
    let unit = dtype.blockElements
    let (n, k) = (kernels.block_panel, 3 * unit)
    for position in [0, 1, 15, 16, 31, unit + 8, k - 1] {
      var weights = random(n * k, 21)
      weights[k + position] = .nan
      if position % 2 == 1 { weights[k + position] = -.nan }
      let rows = stored(weights, dtype)
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
      for activation in [DYNO_SILU, DYNO_GELU, DYNO_GELU_TANH, DYNO_RELU, DYNO_RELU_SQUARED] {
        let name = "activation \(activation.rawValue), \(size)"
        kernels.activate(activation, gate, weight, size, &actual)
        Self.scalar.activate(activation, gate, weight, size, &reference)
        #expect(relativeError([actual], [reference]) <= 1e-6, "\(name)")
        kernels.activate(activation, x, nil, size, &actual)
        Self.scalar.activate(activation, x, nil, size, &reference)
        #expect(relativeError([actual], [reference]) <= 1e-6, "\(name), ungated")
      }

      let far = x.map { $0 + 100 }  // a mean much larger than the deviation
      for bias in [nil, random(size, 4)] {
        kernels.layer_norm(far, weight, bias, size, 1e-5, &actual)
        Self.scalar.layer_norm(far, weight, bias, size, 1e-5, &reference)
        #expect(relativeError([actual], [reference]) <= 1e-5, "layer_norm \(size)")
      }
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

  /// What the activations that a kernel makes of `count` values for q8_0 stand for.
  private func unquantise(
    _ values: UnsafePointer<Float>, _ count: Int, _ kernels: dyno_kernels,
    _ meant: UnsafeMutablePointer<Float>
  ) {
    let blockBytes = kernels.activation_bytes(DYNO_Q8_0, 32)
    var bytes = [UInt8](repeating: 0, count: kernels.activation_bytes(DYNO_Q8_0, count))
    bytes.withUnsafeMutableBytes { bytes in
      kernels.quantize_activations(DYNO_Q8_0, values, count, bytes.baseAddress!)
      for i in 0..<count {
        let start = i / 32 * blockBytes
        let scale = bytes.loadUnaligned(fromByteOffset: start, as: Float.self)
        let quant = bytes.load(fromByteOffset: start + blockBytes - 32 + i % 32, as: Int8.self)
        meant[i] = Float(quant) * scale
      }
    }
  }

  @Test(arguments: sets.indices, floats + [.q8_0])
  func attention(set: Int, dtype: DType) throws {
    let bound = dtype == .q8_0 ? 1e-5 : 2e-6
    for (rows, size, first, count) in [
      (1, 2, 0, 1), (1, 64, 0, 64), (2, 10, 3, 65), (3, 33, 0, 130), (4, 64, 5, 200),
      (5, 16, 0, 63),
      (9, 128, 60, 70), (7, 40, 0, 513), (64, 24, 0, 129), (1, 200, 2, 217), (2, 96, 0, 80),
      (15, 160, 0, 140), (20, 72, 7, 75), (30, 64, 0, 130),
    ] {
      let e = (size + dtype.blockElements - 1) / dtype.blockElements * dtype.blockElements
      let positions = first + count
      let keys = random(positions * e, 1, scale: 3)
      let values = stored(random(positions * e, 2), dtype)
      let stride = e + 5
      let queries = try FloatBuffer(random(rows * stride, 3))
      // Queries are quantised to bytes where keys are in blocks: the reference gets what these mean.
      let meant = try FloatBuffer((0..<rows * stride).map { queries.base[$0] })
      if dtype == .q8_0 {
        for row in 0..<rows {
          unquantise(
            queries.base + row * stride, e, Self.sets[set].functions, meant.base + row * stride)
        }
      }
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
      func run(_ table: dyno_kernels, _ queries: FloatBuffer) throws -> [[Float]] {
        let maximum = try FloatBuffer(Array(repeating: -.infinity, count: rows))
        let sum = try FloatBuffer(count: rows)
        let output = try FloatBuffer(count: rows * e)
        let scratch = try FloatBuffer(
          Array(repeating: .nan, count: dyno_attention_scratch(rows, e, e, false)))
        let panel = max(1, dtype.blockElements > 1 ? table.block_panel : table.float_panel)
        let panels = try PageMemory((positions + panel - 1) / panel * panel * dtype.bytes(e))
        for position in 0..<positions {
          table.store_key(
            dtype.kernelType, Array(keys[position * e..<position * e + e]), e, position % panel,
            panels.base + position / panel * panel * dtype.bytes(e))
        }
        do {
          values.withUnsafeBytes { values in
            var block = dyno_attention_block(
              cache_type: dtype.kernelType, key_width: e, value_width: e, keys: panels.base,
              values: values.baseAddress, key_stride: 0, value_stride: 0, first: first,
              count: count, queries: queries.base, query_stride: stride, rows: rows,
              softcap: rows % 2 == 0 ? 4 : 0, visible_from: from,
              visible_to: to,
              maximum: maximum.base, sum: sum.base, output: output.base, scratch: scratch.base)
            table.attention(&block)
          }
        }
        return [sum, output, maximum].map { buffer in
          (0..<buffer.count).map { buffer.base[$0].isFinite ? buffer.base[$0] : 0 }
        }
      }
      let actual = try run(Self.sets[set].functions, queries)
      let reference = try run(Self.scalar, meant)
      for (a, b) in zip(actual, reference) {
        #expect(relativeError([a + [1]], [b + [1]]) <= bound, "rows \(rows), e \(e), \(count)")
      }
    }
  }

  /// Keys in rows, as wide as they like, with values of their own or as their first elements.
  @Test(arguments: sets.indices, floats + [.q8_0])
  func attentionInRows(set: Int, dtype: DType) throws {
    for (rows, keyWidth, valueWidth, first, count, isShared) in [
      (1, 64, 32, 0, 1, true), (16, 96, 64, 3, 200, true), (33, 64, 96, 0, 130, false),
      (5, 32, 32, 100, 301, false), (2, 576, 512, 0, 140, true),
    ] {
      let positions = first + count
      let stride = max(keyWidth, isShared ? valueWidth : 0) + 32
      let keys = stored(random(positions * stride, 1, scale: 3), dtype)
      let values = stored(random(positions * (valueWidth + 64), 2), dtype)
      let queries = try FloatBuffer(random(rows * keyWidth, 3, scale: 0.2))
      let from = (0..<rows).map { $0 % 3 == 1 ? first + count / 2 : 0 }
      let to = (0..<rows).map { $0 % 5 == 4 ? first : max(1, positions - $0 % 7) }
      func run(_ table: dyno_kernels) throws -> [[Float]] {
        let maximum = try FloatBuffer(Array(repeating: -.infinity, count: rows))
        let sum = try FloatBuffer(count: rows)
        let output = try FloatBuffer(count: rows * valueWidth)
        let scratch = try FloatBuffer(
          Array(
            repeating: .nan, count: dyno_attention_scratch(rows, keyWidth, valueWidth, true)))
        keys.withUnsafeBytes { keys in
          values.withUnsafeBytes { values in
            from.withUnsafeBufferPointer { from in
              to.withUnsafeBufferPointer { to in
                var block = dyno_attention_block(
                  cache_type: dtype.kernelType, key_width: keyWidth, value_width: valueWidth,
                  keys: keys.baseAddress,
                  values: isShared ? keys.baseAddress : values.baseAddress, key_stride: stride,
                  value_stride: isShared ? stride : valueWidth + 64, first: first, count: count,
                  queries: queries.base, query_stride: keyWidth, rows: rows,
                  softcap: rows % 2 == 0 ? 4 : 0, visible_from: from.baseAddress,
                  visible_to: to.baseAddress, maximum: maximum.base, sum: sum.base,
                  output: output.base, scratch: scratch.base)
                table.attention(&block)
              }
            }
          }
        }
        return [sum, output, maximum].map { buffer in
          (0..<buffer.count).map { buffer.base[$0].isFinite ? buffer.base[$0] : 0 }
        }
      }
      let actual = try run(Self.sets[set].functions)
      let reference = try run(Self.scalar)
      for (a, b) in zip(actual, reference) {
        #expect(relativeError([a + [1]], [b + [1]]) <= 2e-6, "rows \(rows), key \(keyWidth)")
      }
    }
  }

  /// A key or a value that is NaN must show in what sees it, however the cache is stored.
  @Test(arguments: sets.indices, floats + [.q8_0])
  func cacheEntriesThatAreNotANumberShow(set: Int, dtype: DType) throws {
    let (e, positions, bad) = (64, 70, 66)
    for isKey in [true, false] {
      var keys = random(positions * e, 1)
      var plain = random(positions * e, 2)
      if isKey { keys[bad * e + 5] = .nan } else { plain[bad * e + 5] = .nan }
      let values = stored(plain, dtype)
      let queries = try FloatBuffer(random(2 * e, 3))
      for table in [Self.sets[set].functions, Self.scalar] {
        let maximum = try FloatBuffer(Array(repeating: -.infinity, count: 2))
        let sum = try FloatBuffer(count: 2)
        let output = try FloatBuffer(count: 2 * e)
        let scratch = try FloatBuffer(count: dyno_attention_scratch(2, e, e, false))
        let panel = max(1, dtype.blockElements > 1 ? table.block_panel : table.float_panel)
        let panels = try PageMemory((positions + panel - 1) / panel * panel * dtype.bytes(e))
        for position in 0..<positions {
          table.store_key(
            dtype.kernelType, Array(keys[position * e..<position * e + e]), e, position % panel,
            panels.base + position / panel * panel * dtype.bytes(e))
        }
        // The first row sees it, the second does not.
        let from = [0, 0]
        let to = [positions, bad]
        from.withUnsafeBufferPointer { from in
          to.withUnsafeBufferPointer { to in
            values.withUnsafeBytes { values in
              var block = dyno_attention_block(
                cache_type: dtype.kernelType, key_width: e, value_width: e, keys: panels.base,
                values: values.baseAddress, key_stride: 0, value_stride: 0, first: 0,
                count: positions, queries: queries.base, query_stride: e, rows: 2, softcap: 0,
                visible_from: from.baseAddress,
                visible_to: to.baseAddress, maximum: maximum.base, sum: sum.base,
                output: output.base, scratch: scratch.base)
              table.attention(&block)
            }
          }
        }
        let seen = (0..<e).map { output.base[$0] / sum.base[0] }
        #expect(seen.contains { $0.isNaN }, "key \(isKey)")
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

  /// What limits count: 4 products of tiles of 16 × 32 by 32 × 16 an iteration, 3 for one of f32 and bf16.
  @Test(arguments: sets.indices)
  func tilesCountTheirOperations(set: Int) {
    let functions = Self.sets[set].functions
    guard Self.sets[set].name.hasPrefix("amx's tiles"),
      let multiplyAdd = functions.multiply_add_bf16 ?? functions.multiply_add_pairs
    else { return }
    var sink: Float = 0
    // Three calls, of which activations in f32 take three for one product.
    let products = functions.multiply_add_pairs == nil ? 1.0 : 3
    #expect(multiplyAdd(3, &sink) == products * 2 * 4 * 16 * 32 * 16)
    #expect(sink == 3 * 32, "each sum is of 3 products of 32 ones")
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
