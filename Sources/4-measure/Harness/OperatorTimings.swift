import Engine
import Formats
import Machine
import Model
import Numerics
import Records

extension OperatorTiming {
  /// A test's operators, the same one of all layers, steps and rounds as one row: the median of
  /// their times.
  ///
  /// - Parameters:
  ///   - subject: the architecture's name.
  ///   - limits: what the machine could do while the trace was taken.
  public static func rows(
    _ events: [OperatorTrace.Event], subject: String, device: String, weights: WeightStorage,
    cache: DType,
    limits: MachineLimits
  ) -> [OperatorTiming] {
    struct Key: Hashable {
      let kind: Operator.Kind
      let shape: SizedOperator.Shape
      /// Of most of its matrices' bytes; of operators without matrices, of most of the model's.
      let weights: DType
    }
    var order: [Key] = []
    var times: [Key: [Double]] = [:]
    for event in events {
      let operation = event.operation
      let matrices = weights.matrices(of: operation.kind, layer: operation.layer)
      let key = Key(
        kind: operation.kind, shape: operation.shape,
        weights: matrices.main ?? weights.all.main!)
      if times[key] == nil { order.append(key) }
      times[key, default: []].append(max(1, Double(event.durationNanoseconds)) * 1e-9)
    }
    return order.map { key in
      OperatorTiming(
        device: device, engine: "dyno", kind: key.kind, shape: key.shape,
        weights: NumberStorage(key.weights), cache: NumberStorage(cache),
        seconds: Quantiles.median(times[key]!), samples: times[key]!.count,
        limits: limits, origin: subject)
    }
  }
}
