import CKernels
import Formats
import Machine
import Numerics
import OtherVectorWidths
import TestSupport
import Testing

/// What kernels are tested with: all sets of them, the scalar one, and values.
enum Kernels {
  static let sets =
    Array(KernelTable.available.dropFirst())
    + (0..<5).compactMap { dyno_emulated_kernels($0) }.map(KernelTable.init)
  static let scalar = KernelTable.available[0].functions
  static let sizes = [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 129, 300, 1025]
  static let floats: [DType] = [.f32, .bf16, .f16]

  static func random(_ count: Int, _ seed: UInt64, scale: Float = 1) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
  }

  /// `values` in a storage type, and what they are after rounding to it.
  static func stored(_ values: [Float], _ dtype: DType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: dtype.bytes(values.count))
    if !dtype.isBlocks {
      scalar.round(dtype.kernelType, values, values.count, &bytes)
    } else {
      dyno_quantize(dtype.kernelType, values, values.count, &bytes)
    }
    return bytes
  }

  static func expectPadding(
    _ actual: [Float], _ reference: [Float], rows: Int, width: Int, stride: Int
  ) {
    for row in 0..<rows {
      for pad in width..<stride {
        #expect(actual[row * stride + pad] == reference[row * stride + pad], "padding")
      }
    }
  }
}
