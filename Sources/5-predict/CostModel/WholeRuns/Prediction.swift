import Model
import Records

/// Times of a workload, without intervals.
public struct PointPrediction: Sendable, Equatable {
  /// Of the whole run.
  public let seconds: Double
  /// Tokens made a second, all sequences together.
  public let outputTokensPerSecond: Double
  /// Tokens read and made a second.
  public let totalTokensPerSecond: Double
  /// Until all sequences that start at once have their first token; 0 without a prompt.
  public let timeToFirstToken: Double
  /// Between tokens of a sequence; 0 where a single token is made.
  public let timePerOutputToken: Double

  init(
    seconds: Double, outputTokensPerSecond: Double, totalTokensPerSecond: Double,
    timeToFirstToken: Double, timePerOutputToken: Double
  ) {
    self.seconds = seconds
    self.outputTokensPerSecond = outputTokensPerSecond
    self.totalTokensPerSecond = totalTokensPerSecond
    self.timeToFirstToken = timeToFirstToken
    self.timePerOutputToken = timePerOutputToken
  }

  init(
    _ workload: ServingWorkload, time: EndToEndModel.RunTime, _ schedule: ServingSchedule
  ) {
    seconds = time.total
    let batch = Double(workload.batch)
    outputTokensPerSecond = batch * Double(workload.generate) / time.total
    totalTokensPerSecond = batch * Double(workload.prompt + workload.generate) / time.total
    timeToFirstToken = workload.prompt > 0 ? time.firstToken : 0
    let steps = schedule.decodes.reduce(0) { $0 + $1.steps * $1.count }
    timePerOutputToken = steps > 0 ? time.decode / Double(steps) : 0
  }
}

/// How an architecture serves a workload, with the evidence behind it.
public struct Prediction: Sendable {
  /// Half-widths of 90% intervals, in natural logarithms.
  public struct Spreads: Sendable {
    public let throughput: Double
    public let timeToFirstToken: Double
    public let timePerOutputToken: Double
  }

  public let architecture: Architecture
  public let workload: ServingWorkload
  public let point: PointPrediction
  public let spreads: Spreads
  public let plan: MemoryPlan
  /// Sequences of the workload's length that the memory holds at once.
  public let largestBatch: Int
  /// Most sequences that run at once.
  public let widest: Int
  /// Sequences dropped and computed again for want of memory.
  public let preemptions: Int
  /// Sizes outside what was fitted.
  public let extrapolated: [String]
  /// Seconds by kind of operator, all layers and steps; empty unless asked for.
  public let operators: [(kind: Operator.Kind, cost: OperatorCost)]
  /// Experts of a layer that a decode step of all sequences reads, on all devices and on average;
  /// `nil` where there are none.
  public let expertsRead: Double?

  /// Weights, activations, the engine's reserve, and the KV cache of the sequences that run at once.
  public var peakMemoryBytes: Double {
    plan.peakBytes(sequences: widest, of: workload.positions)
  }
}
