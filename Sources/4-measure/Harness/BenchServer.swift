import Foundation
import Input
import Machine
import Numerics
import Records
import Weights

/// The child's side of an interleaved comparison: prepares the tests once, then runs blocks of them
/// on request, so that neither starting the process nor making weights is part of what is compared.
public final class BenchServer {
  private let bed: TestBed
  private let machine: Machine
  private let probe: NoiseProbe
  private let judge: NoiseJudge
  /// Made when first needed: it takes memory and a second.
  private var meter: LimitsMeter?
  /// The best that was seen of the machine; `nil` until it was asked for.
  public var bestLimits: MachineLimits? { meter?.limits }

  public init(
    _ subjects: [ModelSubject], _ tests: [ThroughputTest], _ settings: ThroughputBench.Settings
  ) throws {
    let machine = try Machine(threads: settings.threads, activations: settings.activations)
    self.machine = machine
    bed = try TestBed(
      subjects, tests, settings, machine: machine, reservedBytes: 0, report: { _ in })
    probe = NoiseProbe(
      processors: Array(machine.topology.processors.prefix(machine.team.count)))
    judge = NoiseJudge(
      threads: machine.team.count, quota: ControlGroup.own.processors)
  }

  /// Answers requests until there are no more.
  public func serve(read: () throws -> String?, write: (String) throws -> Void) throws {
    try write(BenchLine.encode(try hello()))
    while let line = try read() {
      guard let request = BenchLine.decode(BenchRequest.self, line),
        bed.cells.indices.contains(request.cell), request.isSane
      else {
        throw InputError("stdin", problem: "\"\(line.prefix(200))\" is no request to run a test")
      }
      try write(BenchLine.encode(try run(request)))
    }
  }

  private func hello() throws -> BenchHello {
    let environment = EnvironmentCapture.now(
      topology: machine.topology, kernels: machine.kernels, threadsPinned: machine.team.pinned)
    _ = try bed.warmUp()
    let cells = try bed.cells.map { cell in
      let seconds = try (0..<3).map { _ in cell.plan.total(try cell.time()) }
      return BenchHello.Cell(
        modelType: cell.model.architecture.name, architecture: cell.model.architecture.config,
        test: cell.test.name, nSequences: cell.test.batch,
        typeWeights: cell.model.format,
        typeActivations: machine.kernels.activations(for: cell.model.format.base),
        routingExponent: cell.model.engine.routing?.routing.exponent, tokens: cell.test.tokens,
        typicalS: Quantiles.median(seconds))
    }
    return BenchHello(
      buildCommit: BuildInformation.commit, cpuInfo: Processor.model, environment: environment,
      typeK: bed.settings.cacheDType, nThreads: machine.team.count, nBatch: bed.settings.chunk,
      cells: cells)
  }

  private func run(_ request: BenchRequest) throws -> BenchReply {
    let cell = bed.cells[request.cell]
    let before = request.floor ? try limits() : nil
    let reading = probe.read()
    machine.team.run { _ in }  // wakes the threads that parked while the other side ran
    let seconds = try (0..<request.runs).map { _ in
      cell.plan.total(try cell.time(stretch: request.stretch))
    }
    let noise = probe.evidence(since: reading)
    var reply = BenchReply(
      seconds: seconds,
      suspicions: judge.suspicions(
        noise, seconds: seconds.reduce(0, +), highestFrequency: nil))
    if let before {
      let work = Work(cell, bed.settings)
      reply.floorS = work.floorSeconds(before.best(with: try limits()))
    }
    return reply
  }

  /// The machine's limits at this moment.
  private func limits() throws -> MachineLimits {
    let meter =
      try meter
      ?? LimitsMeter(team: machine.team, kernels: machine.kernels, topology: machine.topology)
    self.meter = meter
    return meter.sample()
  }
}
