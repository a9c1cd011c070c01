import Formats
import Machine
import Model
import Records
import Store

/// A record with every field set, of a machine that does not exist.
func sampleRecord(
  _ name: String = "tiny", prompt: Int = 512, generate: Int = 0, depth: Int = 0, batch: Int = 1,
  milliseconds: [Double] = [10, 11, 10.5, 10.2, 10.8, 10.4, 10.6, 10.3, 10.7],
  dtype: WeightFormat = .bf16, workload: WorkloadSummary? = nil
) -> ThroughputRecord {
  let tokens = Double(batch * (prompt + generate))
  let sorted = milliseconds.sorted()
  let median = sorted[sorted.count / 2]
  let rates = milliseconds.map { tokens / $0 * 1000 }
  return ThroughputRecord(
    buildCommit: "0123456789abcdef0123456789abcdef01234567", cpuInfo: "Model <9> | 2 GHz",
    modelType: name, modelSize: 1_000_000, modelNParams: 500_000, nBatch: 512, nThreads: 2,
    nSequences: batch, typeWeights: dtype, typeK: .f16, typeV: .f16, nPrompt: prompt,
    nGen: generate, nDepth: depth, testTime: "2026-01-02T03:04:05Z",
    avgNs: Int(milliseconds.reduce(0, +) / Double(milliseconds.count) * 1e6), stddevNs: 300_000,
    avgTs: rates.reduce(0, +) / Double(rates.count), stddevTs: 1000,
    samplesNs: milliseconds.map { Int($0 * 1e6) }, samplesTs: rates,
    medianTs: tokens / median * 1000,
    ci95Ts: milliseconds.count > 5
      ? [tokens / sorted.last! * 1000, tokens / sorted.first! * 1000] : nil,
    gflops: 120.5, gbps: 0.125, peakFraction: 0.6, bandwidthFraction: 0.003, floorFraction: 0.61,
    pairedFloorFraction: 0.62,
    limits: MachineLimits(
      threads: 2, instructionSet: "avx2", readBandwidth: 40e9, multiplyAddPeak: 200e9,
      integerPeak: 800e9, bestGEMM: 190e9, samples: 7),
    initializationS: 0.25, processPeakBytes: 300 << 20, memoryNeedBytes: 290 << 20,
    architecture: ["hidden_size": .integer(64)],
    environment: RunEnvironment(
      topology: "2 cores", operatingSystem: "Linux", instructionSet: "avx2", openblas: "OpenBLAS",
      threadsPinned: true),
    warnings: [], seed: 7,
    sampling: SamplingSummary(
      endedBy: .repetitions, precisionWanted: nil, precisionReached: nil, budgetS: nil,
      warmUpRuns: 4, warmUpStationary: true, effectiveSamples: 9, suspectSamples: 1),
    sampleCircumstances: milliseconds.indices.map {
      SampleCircumstances(block: $0, startS: Double($0), noise: NoiseEvidence(), suspicions: [])
    }, workload: workload)
}

/// As a store holds it.
func stored(_ record: ThroughputRecord, cell: String? = nil, at second: Int = 0) throws
  -> StoredResult
{
  StoredResult(
    unit: cell.map { SweepUnit(cell: $0, block: 1) }, run: "r", status: .measured,
    finishedAt: "2026-01-02T03:04:0\(second).000Z", record: try RecordText.encode(record))
}

func storedFailure(_ detail: String) throws -> StoredResult {
  StoredResult(
    unit: SweepUnit(cell: "f00d", block: 0), run: "r", status: .failed,
    finishedAt: "2026-01-02T03:04:09.000Z",
    record: try RecordText.encode(
      FailureRecord(
        buildCommit: "0123456789abcdef-modified", cpuInfo: "c", modelType: "=large", nBatch: 512,
        nThreads: 2, nSequences: 8, typeWeights: .q4_0, typeK: .f16, typeV: .f16, nPrompt: 0,
        nGen: 16, nDepth: 128, testTime: "2026-01-02T03:04:05Z", architecture: [:], seed: 0,
        failure: .init(.crash, detail))))
}
