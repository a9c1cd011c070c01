import CKernels
import Formats
import Foundation
import Machine
import TestSupport
import Testing

/// Storage formats against gguf-py and llama.cpp (`Tests/Fixtures/formats/make_fixtures.py`).
@Suite struct FormatTests {
  static let blockFormats = DType.allCases.filter(\.isBlocks)

  private struct Facts: Decodable {
    var ggmlType: UInt32
    var elements: Int
    var bytes: Int
    /// llama.cpp's, on `values.bin`.
    var error: Double?
  }

  private func data(_ name: String) throws -> Data {
    try Data(contentsOf: Files.fixtures.appendingPathComponent("formats/\(name)"))
  }

  private func floats(_ name: String) throws -> [Float] {
    let data = try data(name)
    return data.withUnsafeBytes { bytes in
      (0..<data.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }

  private func facts() throws -> [String: Facts] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode([String: Facts].self, from: data("formats.json"))
  }

  private func quantized(_ values: [Float], _ dtype: DType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xa5, count: dtype.bytes(values.count) + 1)
    dyno_quantize(dtype.kernelType, values, values.count, &bytes)
    #expect(bytes.removeLast() == 0xa5, "wrote past the end")
    return bytes
  }

  private func expanded(_ bytes: [UInt8], _ dtype: DType, _ kernels: KernelTable) -> [Float] {
    let count = bytes.count / dtype.blockBytes * dtype.blockElements
    var values = [Float](repeating: -7, count: count + 1)
    kernels.functions.expand(dtype.kernelType, bytes, count, &values)
    #expect(values.removeLast() == -7, "wrote past the end")
    return values
  }

  @Test func factsAreGGUFs() throws {
    let facts = try facts()
    #expect(facts.count == DType.allCases.count)
    for dtype in DType.allCases {
      let expected = try #require(facts[dtype.rawValue], "\(dtype)")
      #expect(dtype.format.ggufType == expected.ggmlType, "\(dtype)")
      #expect(dtype.blockElements == expected.elements, "\(dtype)")
      #expect(dtype.blockBytes == expected.bytes, "\(dtype)")
      #expect(DType(ggufType: expected.ggmlType) == dtype)
      #expect(dtype.format.ggufName.lowercased() == dtype.rawValue)
    }
    #expect(DType(ggufType: 4) == nil)
  }

  @Test(arguments: KernelTable.available.indices, blockFormats)
  func expandsRandomBlocks(set: Int, dtype: DType) throws {
    let blocks = [UInt8](try data("\(dtype).blocks.bin"))
    let actual = expanded(blocks, dtype, KernelTable.available[set])
    // A product and a sum may be rounded as one.
    let error = relativeError([actual], [try floats("\(dtype).expected.bin")])
    #expect(error <= 1e-7)
  }

  /// Where gguf-py quantises, to the same bytes.
  @Test(arguments: [DType.q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .mxfp4])
  func quantisesToTheReferencesBytes(dtype: DType) throws {
    let bytes = quantized(try floats("values.bin"), dtype)
    #expect(bytes == [UInt8](try data("\(dtype).quantized.bin")))
  }

  /// Elsewhere no worse than llama.cpp, and not so much better that it could not be.
  @Test(arguments: blockFormats)
  func quantisationErrors(dtype: DType) throws {
    let values = try floats("values.bin")
    let kept = expanded(quantized(values, dtype), dtype, KernelTable.available[0])
    var (off, all) = (0.0, 0.0)
    for (value, kept) in zip(values, kept) {
      off += (Double(kept) - Double(value)) * (Double(kept) - Double(value))
      all += Double(value) * Double(value)
    }
    let reference = try #require(facts()[dtype.rawValue]?.error)
    let ratio = (off / all).squareRoot() / reference
    #expect((0.75...1.0001).contains(ratio), "\(ratio) of llama.cpp's error")
  }

  /// A value that is not finite shows in its block and nowhere else.
  @Test(arguments: blockFormats)
  func whatIsNotFiniteShows(dtype: DType) throws {
    let count = 3 * dtype.blockElements
    let values = Array(try floats("values.bin").prefix(count))
    for place in [0, dtype.blockElements - 1, dtype.blockElements + 5, count - 1] {
      var broken = values
      broken[place] = .nan
      let kept = expanded(quantized(broken, dtype), dtype, KernelTable.available[0])
      for (index, value) in kept.enumerated() {
        let isSame = index / dtype.blockElements == place / dtype.blockElements
        #expect(value.isNaN == isSame, "element \(index), NaN at \(place)")
      }
    }
  }

  /// A value that no scale of its block reaches shows in all of it, and nowhere else. Powers of two
  /// reach everything.
  @Test(arguments: blockFormats, [1e9, 1e12, 1e20, 1e30, 3e38] as [Float])
  func whatIsOutOfReachShows(dtype: DType, magnitude: Float) throws {
    let unit = dtype.blockElements
    let values = Array(try floats("values.bin").prefix(3 * unit))
    let sound = expanded(quantized(values, dtype), dtype, KernelTable.available[0])
    for place in [0, unit - 1, unit + 5, 3 * unit - 1] {
      for value in [magnitude, -magnitude] {
        var broken = values
        broken[place] = value
        let kept = expanded(quantized(broken, dtype), dtype, KernelTable.available[0])
        for block in 0..<3 {
          let own = block * unit..<(block + 1) * unit
          if block != place / unit {
            #expect(kept[own] == sound[own], "block \(block), \(value) at \(place)")
          } else if dtype == .mxfp4 {
            #expect(abs(kept[place] / value - 1) < 0.25, "\(kept[place]) of \(value)")
          } else {
            #expect(!kept[own].contains { $0.isFinite }, "\(value) at \(place)")
          }
        }
      }
    }
  }

  /// Values near the largest that scales reach are kept as well as others.
  @Test(arguments: blockFormats)
  func largeValues(dtype: DType) {
    let reach: [DType: Float] = [
      .q4_1: 0x1p15, .q5_1: 0x1p15, .q4_0: 0x1p18, .q5_0: 0x1p19, .q8_0: 0x1p22, .iq4_nl: 0x1p22,
      .mxfp4: 0x1p125, .q2_k: 0x1p19, .q3_k: 0x1p21, .q4_k: 0x1p21, .q5_k: 0x1p21, .q6_k: 0x1p27,
      .iq4_xs: 0x1p27,
    ]
    let values = Kernels.random(4 * dtype.blockElements, 31, scale: reach[dtype]!)
    let kept = expanded(quantized(values, dtype), dtype, KernelTable.available[0])
    #expect(relativeError([kept], [values]) < 0.4)
  }

  /// Zeroes, and values too small for the format's scales, are finite and small.
  @Test(arguments: blockFormats)
  func smallValues(dtype: DType) throws {
    let values = Array(try floats("values.bin").prefix(dtype.blockElements))
    for scale in [0, 1e-38, 1e-20, 1e-8, -1e-5] as [Float] {
      let kept = expanded(
        quantized(values.map { $0 * scale }, dtype), dtype, KernelTable.available[0])
      #expect(kept.allSatisfy { abs($0) <= max(abs(scale) * 20, 1e-6) }, "\(scale)")
    }
  }
}
