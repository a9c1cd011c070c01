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
    _ events: [OperatorTrace.Event], subject: String, device: String, weights: DType, cache: DType,
    limits: MachineLimits
  ) -> [OperatorTiming] {
    struct Key: Hashable {
      let kind: Operator.Kind
      let shape: SizedOperator.Shape
    }
    var order: [Key] = []
    var times: [Key: [Double]] = [:]
    for event in events {
      let key = Key(kind: event.operation.kind, shape: event.operation.shape)
      if times[key] == nil { order.append(key) }
      times[key, default: []].append(max(1, Double(event.durationNanoseconds)) * 1e-9)
    }
    return order.map { key in
      OperatorTiming(
        device: device, engine: "dyno", kind: key.kind, shape: key.shape,
        weights: NumberStorage(weights), cache: NumberStorage(cache),
        seconds: Quantiles.median(times[key]!), samples: times[key]!.count,
        limits: limits, origin: subject)
    }
  }
}
