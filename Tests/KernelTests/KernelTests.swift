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
  @Test func thisMachineHasSIMDKernels() {
    #expect(KernelTable.available.count > 1, "only the scalar kernels would be tested here")
  }

  @Test(arguments: Kernels.sets.indices, DType.allCases)
  func expand(set: Int, dtype: DType) {
    for size in Kernels.sizes.map({ ($0 + dtype.blockElements - 1) / dtype.blockElements }) {
      let count = size * dtype.blockElements
      let bytes = Kernels.stored(Kernels.random(count, UInt64(count)), dtype)
      var actual = [Float](repeating: -1, count: count + 1)
      var reference = actual
      Kernels.sets[set].functions.expand(dtype.kernelType, bytes, count, &actual)
      Kernels.scalar.expand(dtype.kernelType, bytes, count, &reference)
      // A block's scale and offset may be joined in one multiply-add: a last-place difference.
      #expect(relativeError([actual], [reference]) <= (dtype.isBlocks ? 1e-7 : 0))
      #expect(actual[count] == -1, "wrote past the end")
    }
  }

  @Test(arguments: Kernels.sets.indices, Kernels.floats)
  func round(set: Int, dtype: DType) {
    let special: [Float] = [
      0, -0, .infinity, -.infinity, .nan, 1, 65504, 65520, 1e-8, 6e-5, .greatestFiniteMagnitude,
      1.00390625, 1.01171875, -1.00390625,
    ]
    for size in Kernels.sizes {
      let values = (special + Kernels.random(size, UInt64(size), scale: 10)).suffix(size)
      var actual = [UInt8](repeating: 7, count: dtype.bytes(size) + 1)
      var reference = actual
      Kernels.sets[set].functions.round(dtype.kernelType, Array(values), size, &actual)
      Kernels.scalar.round(dtype.kernelType, Array(values), size, &reference)
      #expect(actual == reference, "\(dtype), \(size)")
    }
  }

  @Test(arguments: Kernels.sets.indices, Kernels.floats)
  func matmul(set: Int, dtype: DType) {
    for (m, n, k) in [
      (1, 1, 1), (1, 5, 8), (1, 7, 33), (1, 64, 129), (2, 3, 17), (2, 9, 64), (3, 8, 31),
      (4, 6, 100), (5, 13, 40), (6, 4, 65), (7, 70, 12), (11, 67, 7), (13, 66, 300), (16, 65, 1025),
      (31, 10, 47), (65, 9, 2100), (1, 5, 32), (2, 7, 96), (3, 9, 2048),
    ] where k % dtype.blockElements == 0 {
      let w = Kernels.stored(Kernels.random(n * k, 1), dtype)
      let xStride = k + 3
      let yStride = n + 2
      let x = Kernels.random(m * xStride, 2)
      for accumulate in [false, true] {
        var actual = Kernels.random(m * yStride, 3)
        var reference = actual
        Kernels.sets[set].functions.matmul(
          dtype.kernelType, w, n, k, x, xStride, m, &actual, yStride, accumulate)
        Kernels.scalar.matmul(
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

  @Test(arguments: Kernels.sets.indices)
  func rowwise(set: Int) {
    let kernels = Kernels.sets[set].functions
    for size in Kernels.sizes {
      let x = Kernels.random(size, 1, scale: 3)
      let weight = Kernels.random(size, 2)
      var actual = [Float](repeating: -1, count: size + 1)
      var reference = actual
      kernels.rms_norm(x, weight, size, 1e-5, &actual)
      Kernels.scalar.rms_norm(x, weight, size, 1e-5, &reference)
      #expect(relativeError([actual], [reference]) <= 1e-6, "rms_norm \(size)")

      var gate = Kernels.random(size, 3, scale: 30)
      gate[0] = -200  // far out on both sides of the exponential's range
      gate[size - 1] = 200
      for activation in [DYNO_SILU, DYNO_GELU, DYNO_GELU_TANH, DYNO_RELU, DYNO_RELU_SQUARED] {
        let name = "activation \(activation.rawValue), \(size)"
        kernels.activate(activation, gate, weight, size, &actual)
        Kernels.scalar.activate(activation, gate, weight, size, &reference)
        #expect(relativeError([actual], [reference]) <= 1e-6, "\(name)")
        kernels.activate(activation, x, nil, size, &actual)
        Kernels.scalar.activate(activation, x, nil, size, &reference)
        #expect(relativeError([actual], [reference]) <= 1e-6, "\(name), ungated")
      }

      let far = x.map { $0 + 100 }  // a mean much larger than the deviation
      for bias in [nil, Kernels.random(size, 4)] {
        kernels.layer_norm(far, weight, bias, size, 1e-5, &actual)
        Kernels.scalar.layer_norm(far, weight, bias, size, 1e-5, &reference)
        #expect(relativeError([actual], [reference]) <= 1e-5, "layer_norm \(size)")
      }
      #expect(actual[size] == -1, "wrote past the end")
    }
  }

  @Test(arguments: Kernels.sets.indices, [false, true])
  func rotate(set: Int, interleaved: Bool) {
    for half in Kernels.sizes {
      var actual = Kernels.random(2 * half, 1)
      var reference = actual
      let cosines = Kernels.random(half, 2)
      let sines = Kernels.random(half, 3)
      Kernels.sets[set].functions.rotate(&actual, cosines, sines, 2 * half, interleaved)
      Kernels.scalar.rotate(&reference, cosines, sines, 2 * half, interleaved)
      #expect(relativeError([actual], [reference]) <= 1e-6, "\(half) pairs")
    }
  }

  @Test(arguments: Kernels.sets.indices, Kernels.floats)
  func fillUniform(set: Int, dtype: DType) {
    for size in Kernels.sizes {
      var actual = [UInt8](repeating: 7, count: dtype.bytes(size) + 1)
      var reference = actual
      Kernels.sets[set].functions.fill_uniform(dtype.kernelType, 42, size, 0.5, &actual)
      Kernels.scalar.fill_uniform(dtype.kernelType, 42, size, 0.5, &reference)
      #expect(actual == reference)
    }
  }

  /// What limits count: 4 products of tiles of 16 × 32 by 32 × 16 an iteration, 3 for one of f32 and bf16.
  @Test(arguments: Kernels.sets.indices)
  func tilesCountTheirOperations(set: Int) {
    let functions = Kernels.sets[set].functions
    guard Kernels.sets[set].name.hasPrefix("amx's tiles"),
      let multiplyAdd = functions.multiply_add_bf16 ?? functions.multiply_add_pairs
    else { return }
    var sink: Float = 0
    // Three calls, of which activations in f32 take three for one product.
    let products = functions.multiply_add_pairs == nil ? 1.0 : 3
    #expect(multiplyAdd(3, &sink) == products * 2 * 4 * 16 * 32 * 16)
    #expect(sink == 3 * 32, "each sum is of 3 products of 32 ones")
  }

  @Test(arguments: Kernels.sets.indices, [1, 2, 4, 8])
  func readTouchesEveryValue(set: Int, streams: Int32) {
    let values = [Float](repeating: 1, count: 8192)
    #expect(Kernels.sets[set].functions.read(values, values.count * 4, streams) == 8192)
  }
}
