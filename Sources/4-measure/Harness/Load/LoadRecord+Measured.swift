import Foundation
import Machine
import Model
import Records
import Requests

extension LoadRecord {
  /// What the records of a run have in common.
  struct Run {
    let loads: ServingLoads
    let plan: LoadPlan
    let settings: ThroughputBench.Settings
    let machine: Machine
    let environment: RunEnvironment
    /// The best of the run.
    let limits: MachineLimits
    let memoryNeedBytes: Int
    let start: Date
  }

  /// The record of one cell.
  ///
  /// - Parameters:
  ///   - outcomes: of each round.
  ///   - measured: the rounds' places in time, limits and disturbances.
  init(
    _ cell: LoadStage.Cell, _ outcomes: [ServingOutcome], _ measured: CellSamples, _ run: Run
  ) {
    let (model, load) = (cell.model, cell.load)
    let threads = run.machine.team.count
    let circumstances = measured.circumstances(
      threads: threads, quota: run.environment.containerProcessors)
    let intervals = LoadIntervals(outcomes, clients: load.clients, seed: run.settings.seed)
    self.init(
      ServingFigures(ServingOutcome(joining: outcomes)),
      Measurement(
        buildCommit: BuildInformation.commit, cpuInfo: Processor.model,
        architecture: model.architecture.name, architectureConfig: model.architecture.config,
        modelSize: model.engine.weights.matrixBytes,
        modelNParams: model.architecture.parameters.total, typeWeights: model.format,
        typeK: run.settings.cacheDType, typeV: run.settings.cacheDType,
        typeActivations: run.machine.kernels.activations(for: model.format.base),
        weights: model.source == nil ? nil : "stored",
        routingExponent: model.engine.routing?.routing.exponent, nThreads: threads,
        nBatch: run.settings.chunk, load: "concurrency \(load.clients)",
        concurrency: load.clients, prompt: run.loads.lengths.input,
        generate: run.loads.lengths.output, lengthRange: run.loads.lengths.least,
        requestsSent: load.requests.count, warmUp: load.warmUp,
        rounds: zip(outcomes, zip(measured.samples, circumstances)).map { outcome, place in
          Round(
            seconds: outcome.seconds, ttftS: outcome.timeToFirstToken.mean,
            tpotS: outcome.timePerOutputToken.mean,
            outputTokensPerSecond: outcome.outputTokensPerSecond, limits: place.0.limits,
            circumstances: place.1)
        },
        interval95: Intervals(
          ttftS: intervals.interval(\.timeToFirstToken),
          tpotS: intervals.interval(\.timePerOutputToken),
          latencyS: intervals.interval(\.latency)),
        limits: run.limits, initializationS: model.initializationSeconds,
        processPeakBytes: ProcessMemory.peakBytes(), memoryNeedBytes: run.memoryNeedBytes,
        environment: run.environment,
        warnings: RunWarnings.of(
          model, positions: run.loads.lengths.input + run.loads.lengths.output, run.environment,
          threads: threads)
          + [run.plan.warning].compactMap(\.self)
          + NoiseJudge.warnings(circumstances, quota: run.environment.containerProcessors),
        seed: run.settings.seed, testTime: ISO8601DateFormatter().string(from: run.start)))
  }
}
