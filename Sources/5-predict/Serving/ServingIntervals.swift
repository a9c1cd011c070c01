import CostModel
import Formats
import Model
import Records

/// How far predictions of serving runs are off, as half-widths of 90% intervals in natural logarithms.
///
/// From published closed-loop runs of dense models in bf16 and fp8 on 1 to 8 devices: the 90% quantile of an
/// engine's errors (`benchmarks/cost/check_serving.py` prints them), a little wider where few models were
/// measured. What no such run was of, and operators that are not calibrated on the device, add what they
/// were off by elsewhere.
public struct ServingIntervals: Sendable {
  public let timeToFirstToken: Double
  public let timePerOutputToken: Double
  /// Of throughput, cost and energy, which follow from both.
  public let throughput: Double
  /// What no measured run was of, and these are wider by.
  public let unchecked: [Unchecked]

  public enum Unchecked: Sendable, Equatable {
    /// Weights that no run had, or whose matrices nobody timed.
    case storage(NumberStorage)
    case devices(Int)
    /// Mixtures of experts, whose runs no constants were fitted to.
    case experts
  }

  /// - Parameter architectures: that are served.
  public init(_ predictor: Predictor, for architectures: [Architecture]) {
    let settings = predictor.settings
    var unchecked: [Unchecked] = []
    /// Sums of squared half-widths, as independent errors add up.
    var extra = (first: 0.0, rest: 0.0)
    func widen(first: Double, rest: Double) {
      extra.first += first * first
      extra.rest += rest * rest
    }
    func widen(_ jump: IntervalBasis.Jump, _ what: Unchecked) {
      unchecked.append(what)
      widen(first: Self.quantile * jump.deviation, rest: Self.quantile * jump.deviation)
    }
    // 16 bits run on every device as they do on those that were measured.
    let isWide = [NumberStorage.bf16, .f16, .f32].contains(settings.weights)
    let isChecked = isWide || [NumberStorage.fp8, .fp8Block].contains(settings.weights)
    let hasKernels = isWide || predictor.profile.hasMatrices(of: settings.weights)
    if !isChecked || !hasKernels {
      widen(
        .precision(weights: settings.weights, cache: settings.cache, hasKernels: hasKernels),
        .storage(settings.weights))
    }
    if settings.tensorParallel > 8 {
      widen(.devices(settings.tensorParallel), .devices(settings.tensorParallel))
    }
    if predictor.profile.limits.kind == .gpu,
      architectures.contains(where: { $0.firstExperts != nil })
    {
      unchecked.append(.experts)
      widen(first: Self.experts.first, rest: Self.experts.rest)
    }
    // Over what operators are off that are calibrated on the device, as those of the runs were.
    let rung = IntervalBasis.Jump.engine(predictor.operatorRung(for: architectures)).deviation
    let calibrated = IntervalBasis.Jump.engine(.operators).deviation
    let operators = Self.quantile * (rung * rung - calibrated * calibrated).squareRoot()
    widen(first: operators, rest: operators)
    let own: (first: Double, rest: Double) =
      switch ServingSetup(predictor.engine).policy {
      case .vllm, .vllm2024: (0.35, 0.2)
      case .tensorRT: (0.75, 0.22)
      case .sglang: (1.1, 0.25)
      // Closed loops of two models on one host (`dyno-cost-study host-load`): up to 0.16 and 0.17.
      case .dyno: (0.25, 0.2)
      case .staticBatches: (0.75, 0.25)
      }
    timeToFirstToken = (own.first * own.first + extra.first).squareRoot()
    timePerOutputToken = (own.rest * own.rest + extra.rest).squareRoot()
    throughput = timePerOutputToken
    self.unchecked = unchecked
  }

  /// Of 90% intervals, in standard deviations.
  private static let quantile = 1.645

  /// Half-widths that, with the engines' own, hold 90% of the errors of 343 runs of mixtures
  /// (`dyno-cost-study serving`: TPOT 0.38 to 0.54 by engine and model, TTFT 0.22 to 1.7, most 1.3).
  private static let experts = (first: 1.1, rest: 0.5)
}
