import Numerics
import Requests

/// How long a closed loop takes, from two of its steps: one in which all clients' requests decode, and
/// one with a prompt among them.
struct LoadEstimate {
  private let clients: Int
  private let chunk: Int
  private let decode: Double
  /// Seconds that a prompt's token adds to a step.
  private let promptToken: Double
  /// The untimed runs that the steps' times are from.
  let warmUp: WarmUp

  /// Runs both steps until they get no faster, at synthetic depth; once where the run is to end.
  init(
    _ model: PreparedModel, clients: Int, _ lengths: LengthDistribution, chunk: Int,
    stopped: () -> Bool
  ) throws {
    self.clients = clients
    self.chunk = chunk
    let depth = lengths.input + lengths.output / 2
    let slots = Array(0..<clients)
    let new = min(chunk, lengths.input)
    func segment(_ parts: [(sequence: Int, count: Int)], from first: Int) -> RunPlan.Segment {
      var lengths = Dictionary(uniqueKeysWithValues: slots.map { ($0, depth) })
      lengths[0] = first
      return RunPlan.Segment(
        lengths: lengths, steps: [PlannedStep(parts: parts, logits: .last)], isPrefill: false)
    }
    let plan = RunPlan(
      segments: [
        segment(slots.map { ($0, 1) }, from: depth),
        segment(slots.dropFirst().map { ($0, 1) } + [(0, new)], from: 0),
      ], stepCount: 2)
    var warmUp = WarmUp()
    var runs: [[Double]] = []
    repeat {
      runs.append(try model.time(plan))
      warmUp.add(seconds: plan.total(runs[runs.count - 1]))
    } while !warmUp.isOver && !stopped()
    let warm = runs.suffix(3)
    decode = Quantiles.median(warm.map { $0[0] })
    let mixed = Quantiles.median(warm.map { $0[1] })
    promptToken = max(0, mixed - decode) / Double(new)
    self.warmUp = warmUp
  }

  /// Seconds of a loop, step by step as the engine's scheduler makes them.
  func seconds(_ load: ServingLoad) -> Double {
    var batch = ContinuousBatch(load.requests, slots: load.clients, chunk: chunk)
    for _ in 0..<load.clients { batch.send() }
    var seconds = 0.0
    while let step = batch.next() {
      seconds += decode + promptToken * Double(step.chunk?.new ?? 0)
      for _ in batch.finish(step) { batch.send() }
    }
    return seconds
  }
}
