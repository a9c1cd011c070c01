import Formats
import Model

/// Predictions for weights that mix formats (`WeightFormat`).
///
/// What depends on weights is linear in how many of them are stored how: bytes that are read and held,
/// and operations of one format's matrices. So a workload is predicted with all weights in each of the
/// formats, and these runs are weighted by the formats' shares of the elements.
public final class MixedWeights {
  private let makePredictor: (DType) throws -> Predictor
  private var predictors: [DType: Predictor] = [:]

  /// - Parameter makePredictor: for weights of one format.
  public init(_ makePredictor: @escaping (DType) throws -> Predictor) {
    self.makePredictor = makePredictor
  }

  /// - Throws: `InputError` where rows do not fill blocks, and as `Predictor.predict` does.
  public func predict(
    _ architecture: Architecture, _ workload: ServingWorkload, weights: WeightFormat,
    breakdown: Bool = false
  ) throws -> Prediction {
    let all = try WeightStorage(weights, architecture).all
    // Most elements first: what does not mix is that run's.
    let order = all.elements.sorted {
      ($0.value, $1.key.rawValue) > ($1.value, $0.key.rawValue)
    }
    let parts = try order.map { dtype, count in
      (
        share: Double(count) / Double(all.count),
        prediction: try predictor(dtype).predict(architecture, workload, breakdown: breakdown)
      )
    }
    return Prediction(
      mixing: parts, blockPositions: try predictor(order[0].key).engine.blockPositions)
  }

  private func predictor(_ dtype: DType) throws -> Predictor {
    if let known = predictors[dtype] { return known }
    let made = try makePredictor(dtype)
    predictors[dtype] = made
    return made
  }
}

extension Prediction {
  /// - Parameter parts: predictions of one workload; shares sum to 1.
  fileprivate init(
    mixing parts: [(share: Double, prediction: Prediction)], blockPositions: Int
  ) {
    let main = parts[0].prediction
    func mean(_ value: (Prediction) -> Double) -> Double {
      parts.reduce(0) { $0 + $1.share * value($1.prediction) }
    }
    var plan = main.plan
    plan.weights = mean(\.plan.weights)
    plan.cacheRoom = max(0, mean(\.plan.cacheRoom))
    self.init(
      architecture: main.architecture, workload: main.workload,
      point: PointPrediction(
        main.workload, seconds: mean(\.point.seconds),
        timeToFirstToken: mean(\.point.timeToFirstToken),
        timePerOutputToken: mean(\.point.timePerOutputToken)),
      spreads: main.spreads, plan: plan,
      largestBatch: plan.sequences(of: main.workload.positions, blockPositions: blockPositions),
      widest: main.widest, preemptions: main.preemptions,
      extrapolated: parts.reduce(into: []) { all, part in
        all += part.prediction.extrapolated.filter { !all.contains($0) }
      },
      operators: main.operators.map { kind, _ in
        var cost = OperatorCost(seconds: 0, compute: 0, bandwidth: 0, latency: 0)
        for part in parts {
          for operation in part.prediction.operators where operation.kind == kind {
            cost.add(operation.cost, times: part.share)
          }
        }
        return (kind, cost)
      },
      expertsRead: main.expertsRead)
  }
}

extension PointPrediction {
  fileprivate init(
    _ workload: ServingWorkload, seconds: Double, timeToFirstToken: Double,
    timePerOutputToken: Double
  ) {
    let batch = Double(workload.batch)
    self.init(
      seconds: seconds, outputTokensPerSecond: batch * Double(workload.generate) / seconds,
      totalTokensPerSecond: batch * Double(workload.prompt + workload.generate) / seconds,
      timeToFirstToken: timeToFirstToken, timePerOutputToken: timePerOutputToken)
  }
}
