import Machine
import Requests

/// This machine with the models of a run, each of which serves every closed loop.
final class LoadStage: SamplingStage {
  /// One loop on one model.
  struct Cell {
    let model: PreparedModel
    let load: ServingLoad
    let warmUp: WarmUp
    var name: String { "\(model.architecture.name), concurrency \(load.clients)" }
  }

  let cells: [Cell]
  /// What clients saw, by cell and round.
  private(set) var outcomes: [[ServingOutcome]]
  private let settings: ThroughputBench.Settings
  private let meter: LimitsMeter
  private let probe: NoiseProbe

  init(
    _ cells: [Cell], _ settings: ThroughputBench.Settings, _ meter: LimitsMeter, _ machine: Machine
  ) {
    self.cells = cells
    self.settings = settings
    self.meter = meter
    outcomes = cells.map { _ in [] }
    probe = NoiseProbe(
      processors: Array(machine.topology.processors.prefix(machine.team.count)))
  }

  func nanoseconds() -> Int { SteadyClock.nanoseconds() }

  func sampleLimits() -> MachineLimits { meter.sample() }

  /// Serves a cell's loop once.
  func run(_ index: Int) throws -> StageRun {
    let cell = cells[index]
    let engine = cell.model.engine
    let serving = EngineServing(engine, cell.load.requests, seed: settings.seed)
    let reading = probe.read()
    let outcome = try ServingLoop(cell.load, chunk: settings.chunk).run(on: serving)
    outcomes[index].append(outcome)
    return StageRun(
      segments: [outcome.seconds], seconds: outcome.seconds, noise: probe.evidence(since: reading))
  }
}
