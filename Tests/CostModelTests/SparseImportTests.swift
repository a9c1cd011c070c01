import CostModel
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

/// Timings of experts and of latent attention in AIConfigurator's columns.
@Suite struct SparseImportTests {
  private func imported(_ text: String) throws -> Measurements {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("rows.csv")
      try text.write(to: file, atomically: true, encoding: .utf8)
      var measurements = Measurements()
      try measurements.add(contentsOf: file)
      return measurements
    }
  }

  private static let experts =
    "framework,device,op_name,moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,"
    + "moe_tp_size,moe_ep_size,distribution,latency\n"

  @Test func experts() throws {
    let measurements = try imported(
      Self.experts + """
        VLLM,H100,moe,bfloat16,4,4096,1536,8,128,2,1,balanced,0.1
        VLLM,H100,moe,bfloat16,1,4096,1536,8,128,1,8,balanced,0.1
        VLLM,H100,moe,bfloat16,2048,4096,1536,8,128,1,1,power_law_1.2,0.1
        VLLM,H100,moe,bfloat16,2048,4096,1536,8,128,1,16,power_law_1.2,0.1
        VLLM,H100,moe,bfloat16,1,4096,1536,8,128,1,16,power_law_1.01,0.1
        """)
    #expect(measurements.rejected.isEmpty)
    let rows = measurements.operators
    let placements = rows.compactMap(\.placement)
    try #require(placements.count == 5 && rows.allSatisfy { $0.kind == .experts && $0.isRepeated })
    guard case .experts(let shape) = rows[0].shape else {
      Issue.record("not experts")
      return
    }
    #expect(shape.tokens == 4 && shape.hiddenSize == 4096 && shape.count == 128)
    // Half of the columns; four tokens' experts are all different ones.
    #expect(shape.intermediateSize == 768 && placements[0].columnParts == 2)
    #expect(
      placements[0].routed == RoutedRows(rows: 32, distinct: 32, blocks: SIMD4(repeating: 32)))
    // A token's experts lie 16 apart: one on each of eight devices.
    #expect(placements[1].routed.rows == 1 && placements[1].expertParts == 8)
    #expect(placements[2].routed.rows == 2048 * 8)
    #expect(placements[2].routed.distinct <= 128 && placements[2].routed.looped <= 128)
    // The busiest of sixteen devices has more than its share.
    #expect(placements[3].routed.rows > 1.5 * 2048 * 8 / 16)
    #expect(placements[3].routed.distinct <= 8)
    // Loads too small to round to a row go to the last experts, which lie on one device.
    #expect(placements[4].routed.rows == 8 && placements[4].routed.distinct == 8)
    // Groups are of whole experts, however they are split.
    let timings = FamilyTimings(rows, activationBytes: 2).experts
    #expect(Set(timings.map(\.group)) == ["4096/1536/8/128"])
  }

  @Test(arguments: [
    ("4,4096,1536,8,128,1,1,uniform", "distribution"),
    ("4,4096,1536,8,128,1,1,power_law_x", "distribution"),
    ("4,4096,1536,8,128,1,1,power_law_-1", "distribution"),
    ("4,4096,1536,9,8,1,1,balanced", "topk"),
    ("1048576,4096,1536,32,128,1,1,balanced", "topk"),
    ("4,4096,1536,8,128,1,3,balanced", "moe_ep_size"),
    ("4,4096,1536,8,128,5,1,balanced", "moe_tp_size"),
    ("0,4096,1536,8,128,1,1,balanced", "num_tokens"),
  ])
  func badExpertsAreNamed(cells: String, column: String) throws {
    let measurements = try imported(Self.experts + "VLLM,H100,moe,bfloat16,\(cells),0.1\n")
    #expect(measurements.operators.isEmpty && measurements.rejected.count == 1)
    #expect(measurements.rejected[0].description.contains("row 2: \(column):"))
  }

  @Test func latentAttention() throws {
    let measurements = try imported(
      """
      framework,device,op_name,mla_dtype,kv_cache_dtype,num_heads,batch_size,isl,tp_size,step,latency
      VLLM,H100,generation_mla,bfloat16,bfloat16,16,4,1,8,63,0.1
      VLLM,H100,context_mla,bfloat16,bfloat16,16,2,32,8,0,0.1
      VLLM,H100,context_mla,bfloat16,fp8,16,2,32,8,0,0.1
      """)
    guard case .latentAttention(let decode) = measurements.operators[0].shape,
      case .latentAttention(let prefill) = measurements.operators[1].shape
    else {
      Issue.record("not latent attention")
      return
    }
    #expect(decode.absorbed == .init(sequences: 4, tokens: 4, pairs: 256, positions: 256))
    #expect(prefill.expanded == .init(sequences: 2, tokens: 64, pairs: 2 * 528, positions: 64))
    #expect(decode.queryHeads == 16 && decode.cacheWidth == 576)
    #expect(measurements.rejected.count == 1)
    #expect(measurements.rejected[0].description.contains("kv_cache_dtype"))
    let timings = FamilyTimings(measurements.operators, activationBytes: 2).latentAttention
    #expect(timings.map(\.group) == ["16", "16"])
  }
}

/// The bars on the A100's tables, of one row in eight.
@Suite(.enabled(if: PublishedData.isPresent, PublishedData.absence))
struct PublishedSparseTests {
  private func error<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], seed: UInt64
  ) throws -> ErrorSummary {
    let device = try ProfileTests.shipped("a100-80gb")
    let context = try DeviceContext(
      device.limits, weights: .bf16, cache: .bf16, isWarm: true,
      tunedExperts: device.tunedExperts)
    let thin = rows.indices.filter { $0 % 8 == 0 }.map { rows[$0] }
    let (kept, impossible) = thin.possible(form, context)
    #expect(impossible.isEmpty)
    let calibration = FamilyCalibration<Form>(context)
    let held = Folds.random(kept.map(\.group), count: 3, seed: seed)[0]
    let fit = calibration.fit(kept.filter { !held.contains($0.group) })
    #expect(fit.stop.succeeded)
    return ErrorSummary(
      calibration.compare(kept.filter { held.contains($0.group) }, fit.values))
  }

  private static let tables = "gpu-ops/a100-sxm-80gb-vllm-0.14.0/"

  @Test func experts() throws {
    let rows = try PublishedData.timings(Self.tables + "moe.csv").experts
    #expect(rows.count == 6360)
    let error = try error(RoutedExperts.self, rows, seed: 3)
    #expect(error.median <= 0.1 && error.mean <= 0.15)
  }

  @Test func latentAttention() throws {
    let rows = try ["context_mla.csv", "generation_mla.csv"].flatMap {
      try PublishedData.timings(Self.tables + $0).latentAttention
    }
    #expect(rows.count == 880 + 1365)
    let error = try error(MultiHeadLatentAttention.self, rows, seed: 3)
    #expect(error.median <= 0.08 && error.mean <= 0.12)
  }
}
