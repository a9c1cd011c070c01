import Model
import Numerics
import Records

/// Times at a machine's limits instead of in its mood of the moment.
///
/// A virtual machine's bandwidth and clock change from minute to minute. Dyno measures them right
/// before and after each sample, so a time can be restated at the limits a profile is about: it is
/// multiplied by the ratio of the least times that both limits allow.
enum MachineMood {
  /// What a timing of an operator is multiplied by; 1 where limits were not measured or the
  /// operator only moves activations, which stay in the caches.
  static func scale(_ timing: OperatorTiming, to limits: DeviceLimits) -> Double {
    guard let then = timing.limits else { return 1 }
    // Timings without a peak of integers are from when block formats were multiplied in f32.
    var arithmetic = then.integerPeak == nil ? .f32 : timing.weights.dtype ?? .f32
    let flops: Double
    let bytes: Double
    switch timing.shape {
    case .gemm(let m, let n, let k):
      let shape = MatrixShape(m: m, n: n, k: k)
      flops = shape.flops
      bytes = Double(n) * Double(k) * timing.weights.bytesPerElement
    case .attention(let shape):
      arithmetic = .f32
      flops = shape.flops
      bytes =
        2 * Double(shape.positions) * Double(shape.keyValueHeads) * Double(shape.headDimension)
        * timing.cache.bytesPerElement
    case .experts(let shape):
      flops = shape.flops
      bytes =
        shape.distinct * Double(shape.elementsOfOne) * timing.weights.bytesPerElement
    case .latentAttention(let shape):
      arithmetic = .f32
      flops = shape.flops
      bytes =
        Double(shape.rank) * Double(shape.expandedWidth) * timing.weights.bytesPerElement
        + Double(shape.positions) * Double(shape.cacheWidth) * timing.cache.bytesPerElement
    case .rows, .route: return 1
    }
    guard let peak = limits.peak(of: arithmetic) else { return 1 }
    return max(flops / peak, bytes / limits.memoryBandwidth)
      / max(flops / then.peak(of: arithmetic), bytes / then.readBandwidth)
  }

  /// Seconds of a run at `limits`.
  static func seconds(_ run: WholeRun, _ schedule: ServingSchedule, at limits: DeviceLimits)
    -> Double
  {
    guard let share = run.pairedFloorFraction, share > 0, let weights = run.weights.dtype,
      let cache = run.cache.dtype, let peak = limits.peak(of: weights),
      let peakOfOthers = limits.peak(of: .f32)
    else { return run.seconds }
    func floor(batch: Int, cached: Int, new: Int, logitsRows: Int) -> Double {
      var seconds = 0.0
      var bytes = 0.0
      run.architecture.forEachOperator(
        batch: batch, cached: cached, new: new, logitsRows: logitsRows, weights: weights,
        cache: cache
      ) { operation, count in
        seconds +=
          operation.flops * Double(count) / (operation.weightBytes > 0 ? peak : peakOfOthers)
        bytes += (operation.weightBytes + operation.cacheReadBytes) * Double(count)
      }
      return max(seconds, bytes / limits.memoryBandwidth)
    }
    var least = 0.0
    for prefill in schedule.prefills {
      least +=
        Double(prefill.count)
        * floor(
          batch: prefill.sequences, cached: prefill.cached, new: prefill.new,
          logitsRows: prefill.isLast ? prefill.sequences : 0)
    }
    for decode in schedule.decodes {
      least +=
        Double(decode.count)
        * PiecewiseLinearSum.of(0..<decode.steps) { step in
          floor(
            batch: decode.sequences, cached: Int(decode.firstContext) - 1 + step, new: 1,
            logitsRows: decode.sequences)
        }
    }
    return least / share
  }
}
