import Engine
import Foundation
import Input
import Machine
import Model
import Numerics
import Records
import Requests
import Weights

/// Measures what the clients of closed loops see of the engine on this machine.
///
/// All models are in memory at once. A round serves every loop with every model once, in a new random
/// order, the same loop of all models one after another.
public struct LoadBench {
  /// A record for each model and loop that was measured, in the order asked for.
  public struct Results {
    /// The best that the machine was seen to do.
    public var limits: MachineLimits
    public var records: [LoadRecord]
  }

  private let loads: ServingLoads
  private let settings: ThroughputBench.Settings
  private let machine: Machine
  private let stopped: () -> Bool
  private let report: (String) -> Void

  /// - Parameters:
  ///   - settings: `repetitions` is the number of rounds; without one, as many as the budget holds.
  ///   - stopped: whether the run is to end with what it has.
  ///   - report: told what is being done, for a progress line.
  public init(
    _ loads: ServingLoads, _ settings: ThroughputBench.Settings,
    stopped: @escaping () -> Bool = { false }, report: @escaping (String) -> Void
  ) throws {
    self.stopped = stopped
    self.loads = loads
    self.settings = settings
    self.report = report
    machine = try Machine(threads: settings.threads, activations: settings.activations)
  }

  /// - Throws: `InputError` where the models do not fit into memory together, or requests are longer
  ///   than one can serve.
  public func run(_ subjects: [ModelSubject]) throws -> Results {
    let start = Date()
    for subject in subjects { try subject.architecture.check(positions: sizes.capacity) }
    let environment = EnvironmentCapture.now(
      topology: machine.topology, kernels: machine.kernels, threadsPinned: machine.team.pinned)
    let prepared = try PreparedModels(
      subjects, sizes, settings, machine: machine,
      reservedBytes: LimitsMeter.bytes(threads: machine.team.count, topology: machine.topology),
      report: report)
    let meter = try LimitsMeter(
      team: machine.team, kernels: machine.kernels, topology: machine.topology)
    let warmUp = SteadyClock.nanoseconds()
    let estimates = try prepared.models.map { model in
      try loads.concurrencies.map { clients in
        report("\(model.architecture.name): warming up \(clients) clients")
        return try LoadEstimate(
          model, clients: clients, loads.lengths, chunk: settings.chunk, stopped: stopped)
      }
    }
    let spent = Double(SteadyClock.nanoseconds() - warmUp) * 1e-9
    let plan = try LoadPlan(
      loads, repetitions: settings.repetitions, budgetSeconds: settings.budgetSeconds,
      // What is to end is refused for nothing that it would take.
      longestSeconds: stopped() ? nil : settings.longestSeconds, spentSeconds: spent
    ) { requests in
      estimates.joined().enumerated().reduce(0) { seconds, estimate in
        seconds + estimate.element.seconds(load(estimate.offset, requests))
      }
    }
    let cells = estimates.joined().enumerated().map { index, estimate in
      LoadStage.Cell(
        model: prepared.models[index / loads.concurrencies.count],
        load: load(index, plan.requestsPerClient), warmUp: estimate.warmUp)
    }
    report("measuring the machine's limits")
    let stage = LoadStage(cells, settings, meter, machine)
    let limits = LimitsWatch(stage)
    let measured = try sample(stage, limits, rounds: plan.rounds)
    report("")
    let run = LoadRecord.Run(
      loads: loads, plan: plan, settings: settings, machine: machine, environment: environment,
      limits: limits.best, memoryNeedBytes: prepared.memoryNeedBytes, start: start)
    return Results(
      limits: limits.best,
      // A run that was stopped may have no round of some.
      records: cells.indices.filter { !stage.outcomes[$0].isEmpty }.map { index in
        LoadRecord(cells[index], stage.outcomes[index], measured[index], run)
      })
  }

  /// What each model must hold: a slot for each client, as long as the longest request.
  private var sizes: PreparedModels.Sizes {
    let clients = loads.concurrencies.max() ?? 1
    let lengths = loads.lengths
    return PreparedModels.Sizes(
      sequences: clients, capacity: lengths.input + lengths.output,
      maxTokens: min(settings.chunk, lengths.input) + clients - 1,
      depth: lengths.input + lengths.output / 2)
  }

  /// The loop of a cell.
  private func load(_ cell: Int, _ requestsPerClient: Int) -> ServingLoad {
    loads.load(
      loads.concurrencies[cell % loads.concurrencies.count], requestsPerClient: requestsPerClient,
      seed: settings.seed)
  }

  private func sample(
    _ stage: LoadStage, _ limits: LimitsWatch, rounds: Int
  ) throws -> [CellSamples] {
    var settings = settings
    settings.repetitions = rounds
    let loads = loads.concurrencies.count
    return try SamplingLoop(
      tests: (0..<loads).map { load in
        Array(stride(from: load, to: stage.cells.count, by: loads))
      },
      tokens: stage.cells.map { cell in
        cell.load.requests.dropFirst(cell.load.warmUp).reduce(0) { $0 + $1.input + $1.output }
      }, settings, stopped: stopped, report: { report("\($0) \(stage.cells[$1].name)") }
    ).run(on: stage, limits)
  }
}
