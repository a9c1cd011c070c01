import Foundation
import Machine
import Numerics
import Records

extension ThroughputRecord {
  /// The record of one cell of a run.
  init(
    _ cell: TestBed.Cell, _ measured: CellSamples, warmUp: WarmUp, limits: MachineLimits,
    bed: TestBed, environment: RunEnvironment, _ start: Date
  ) {
    let settings = bed.settings
    let test = cell.test
    let architecture = cell.model.architecture
    let nanoseconds = measured.samples.map { $0.seconds * 1e9 }
    let rates = measured.rates.values
    let median = Quantiles.median(measured.samples.map(\.seconds))
    let work = Work(cell, settings)
    let paired = measured.samples.map { work.floorSeconds($0.limits) / $0.seconds }
    let circumstances = measured.circumstances(
      threads: bed.team.count, quota: environment.containerProcessors)
    let sampling = SamplingSummary(measured, settings, warmUp: warmUp, circumstances)
    self.init(
      buildCommit: BuildInformation.commit, cpuInfo: Processor.model,
      modelType: architecture.name,
      modelSize: cell.model.engine.weights.matrixBytes, modelNParams: architecture.parameters.total,
      nBatch: settings.chunk, nThreads: bed.team.count, nSequences: test.batch,
      typeWeights: cell.model.format, typeK: settings.cacheDType, typeV: settings.cacheDType,
      nPrompt: test.promptTokens, nGen: test.generatedTokens, nDepth: test.depth,
      testTime: ISO8601DateFormatter().string(from: start),
      avgNs: Int(Moments.mean(nanoseconds)),
      stddevNs: Int(Moments.standardDeviation(nanoseconds)),
      avgTs: Moments.mean(rates), stddevTs: Moments.standardDeviation(rates),
      samplesNs: nanoseconds.map { Int($0.rounded()) },
      samplesTs: rates, medianTs: Double(test.tokens) / median,
      ci95Ts: measured.rates.interval.map { [$0.lowerBound, $0.upperBound] },
      gflops: work.flops / median * 1e-9, gbps: work.bytes / median * 1e-9,
      peakFraction: work.flops / median / limits.peak(of: cell.model.format.base),
      bandwidthFraction: work.bytes / median / limits.readBandwidth,
      floorFraction: work.floorSeconds(limits) / median,
      pairedFloorFraction: Quantiles.median(paired), limits: limits,
      initializationS: cell.model.initializationSeconds,
      processPeakBytes: ProcessMemory.peakBytes(), memoryNeedBytes: bed.memoryNeedBytes,
      architecture: architecture.config, environment: environment,
      warnings: Self.warnings(
        cell, sampling, circumstances, rates, environment, threads: bed.team.count),
      seed: settings.seed, sampling: sampling, sampleCircumstances: circumstances,
      workload: WorkloadSummary(cell, measured, sampling))
    if cell.model.source != nil { weights = "stored" }
    let stored = cell.model.storage.all.elements
    if stored.count > 1 {
      weightFormats = Dictionary(
        uniqueKeysWithValues: stored.map { ($0.key.rawValue, $0.key.bytes($0.value)) })
    }
    routingExponent = cell.model.engine.routing?.routing.exponent
    expertsRead = cell.reads.mean
    typeActivations = bed.kernels.activations(for: cell.model.format.base)
    // What stays in a cache is bound to be faster than memory; nothing computes faster than it can.
    if peakFraction > 1 || isAboveLimits && work.bytes > Double(bed.topology.lastLevelCacheBytes) {
      warnings.append("faster than the limits measured beside it: these are too low")
    }
  }

  private static func warnings(
    _ cell: TestBed.Cell, _ sampling: SamplingSummary, _ circumstances: [SampleCircumstances],
    _ rates: [Double], _ environment: RunEnvironment, threads: Int
  ) -> [String] {
    var warnings = RunWarnings.of(
      cell.model, positions: cell.test.depth + cell.test.tokensPerSequence, environment,
      threads: threads)
    if sampling.endedBy == .budget {
      let reached = sampling.precisionReached.map {
        String(format: "to ±%.1f%% only", 100 * $0)
      }
      warnings.append(
        "the budget ended after \(rates.count) samples, the median known "
          + "\(reached ?? "without an interval"): a longer budget narrows it")
    }
    let spread = Moments.standardDeviation(rates) / Moments.mean(rates)
    if spread > 0.05 {
      warnings.append(
        "samples spread by \(Int((100 * spread).rounded()))%: "
          + (RunWarnings.isOverQuota(environment, threads: threads)
            ? "the quota's stops" : "other work on this machine?"))
    }
    return warnings
      + NoiseJudge.warnings(circumstances, quota: environment.containerProcessors)
  }
}

extension SamplingSummary {
  init(
    _ measured: CellSamples, _ settings: ThroughputBench.Settings, warmUp: WarmUp,
    _ circumstances: [SampleCircumstances]
  ) {
    let isAdaptive = settings.repetitions == nil
    let ending: Ending =
      !isAdaptive ? .repetitions : measured.rates.isPrecise ? .precision : .budget
    self.init(
      endedBy: ending, precisionWanted: isAdaptive ? settings.precision : nil,
      precisionReached: measured.rates.halfWidth,
      budgetS: isAdaptive ? settings.budgetSeconds : nil, warmUpRuns: warmUp.seconds.count,
      warmUpStationary: warmUp.isStationary,
      effectiveSamples: Double(measured.samples.count) / measured.rates.designEffect,
      suspectSamples: circumstances.count { !$0.suspicions.isEmpty })
  }
}

extension WorkloadSummary {
  /// `nil` for tests that are no workload.
  init?(_ cell: TestBed.Cell, _ measured: CellSamples, _ sampling: SamplingSummary) {
    guard case .workload(_, _, let exact) = cell.test.phase else { return nil }
    let medians = measured.segmentMedians
    let prefill = cell.plan.prefill(medians)
    let decode = cell.plan.total(medians) - prefill
    let quadrature = cell.plan.quadratureError(medians)
    self.init(
      mode: exact ? .exact : .integrated, steps: cell.plan.stepCount,
      timedSteps: cell.plan.timedSteps, prefillS: prefill, decodeS: decode,
      tpotS: cell.test.decodeSteps > 0 ? decode / Double(cell.test.decodeSteps) : nil,
      quadratureError: quadrature,
      errorBound: sampling.precisionReached.map { $0 + quadrature })
  }
}
