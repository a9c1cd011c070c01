import CKernels
import Formats
import Machine
import Numerics
import OtherVectorWidths
import TestSupport
import Testing
import Weights

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
