import CKernels
import Formats
import Machine
import Numerics
import OtherVectorWidths
import TestSupport
import Testing
import Weights

/// Attention of every instruction set, against the scalar one.
@Suite struct AttentionKernelTests {
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

  @Test(arguments: Kernels.sets.indices, Kernels.floats + [.q8_0])
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
      let keys = Kernels.random(positions * e, 1, scale: 3)
      let values = Kernels.stored(Kernels.random(positions * e, 2), dtype)
      let stride = e + 5
      let queries = try FloatBuffer(Kernels.random(rows * stride, 3))
      // Queries are quantised to bytes where keys are in blocks: the reference gets what these mean.
      let meant = try FloatBuffer((0..<rows * stride).map { queries.base[$0] })
      if dtype == .q8_0 {
        for row in 0..<rows {
          unquantise(
            queries.base + row * stride, e, Kernels.sets[set].functions, meant.base + row * stride)
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
      let actual = try run(Kernels.sets[set].functions, queries)
      let reference = try run(Kernels.scalar, meant)
      for (a, b) in zip(actual, reference) {
        #expect(relativeError([a + [1]], [b + [1]]) <= bound, "rows \(rows), e \(e), \(count)")
      }
    }
  }

  /// Keys in rows, as wide as they like, with values of their own or as their first elements.
  @Test(arguments: Kernels.sets.indices, Kernels.floats + [.q8_0])
  func attentionInRows(set: Int, dtype: DType) throws {
    for (rows, keyWidth, valueWidth, first, count, isShared) in [
      (1, 64, 32, 0, 1, true), (16, 96, 64, 3, 200, true), (33, 64, 96, 0, 130, false),
      (5, 32, 32, 100, 301, false), (2, 576, 512, 0, 140, true),
    ] {
      let positions = first + count
      let stride = max(keyWidth, isShared ? valueWidth : 0) + 32
      let keys = Kernels.stored(Kernels.random(positions * stride, 1, scale: 3), dtype)
      let values = Kernels.stored(Kernels.random(positions * (valueWidth + 64), 2), dtype)
      let queries = try FloatBuffer(Kernels.random(rows * keyWidth, 3, scale: 0.2))
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
      let actual = try run(Kernels.sets[set].functions)
      let reference = try run(Kernels.scalar)
      for (a, b) in zip(actual, reference) {
        #expect(relativeError([a + [1]], [b + [1]]) <= 2e-6, "rows \(rows), key \(keyWidth)")
      }
    }
  }

  /// A key or a value that is NaN must show in what sees it, however the cache is stored.
  @Test(arguments: Kernels.sets.indices, Kernels.floats + [.q8_0])
  func cacheEntriesThatAreNotANumberShow(set: Int, dtype: DType) throws {
    let (e, positions, bad) = (64, 70, 66)
    for isKey in [true, false] {
      var keys = Kernels.random(positions * e, 1)
      var plain = Kernels.random(positions * e, 2)
      if isKey { keys[bad * e + 5] = .nan } else { plain[bad * e + 5] = .nan }
      let values = Kernels.stored(plain, dtype)
      let queries = try FloatBuffer(Kernels.random(2 * e, 3))
      for table in [Kernels.sets[set].functions, Kernels.scalar] {
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
}
