import Foundation
import Input
import Sweeps
import TestSupport
import Testing

@Suite struct SweepPlanTests {
  private func spec(seed: Int = 1) throws -> SweepSpec {
    try SweepSpec(
      """
      architectures: [huggingface/qwen2, huggingface/qwen3]
      batch: [1, 2, 3]
      prompt: [16, 32]
      generate: 0
      blocks: 2
      seed: \(seed)
      """, folder: Files.fixtures)
  }

  private func names(_ plan: SweepPlan, block: Int) -> [String] {
    plan.units.filter { $0.block == block }.map { plan.cells[$0.cell].name }
  }

  @Test func blocksHoldEveryCellInOrdersOfTheirOwn() throws {
    let plan = SweepPlan(try spec())
    #expect(plan.units.count == 24)
    #expect(plan.units.prefix(12).allSatisfy { $0.block == 0 })
    #expect(Set(names(plan, block: 0)) == Set(names(plan, block: 1)))
    #expect(names(plan, block: 0) != names(plan, block: 1))
    #expect(names(plan, block: 0) == names(SweepPlan(try spec()), block: 0))
    #expect(names(plan, block: 0) != names(SweepPlan(try spec(seed: 2)), block: 0))
  }

  @Test func shardsPartTheGrid() throws {
    let spec = try spec()
    let whole = SweepPlan(spec)
    let shards = try (1...5).map {
      SweepPlan(spec, shard: try Shard("\($0)/5", environment: [:]))
    }
    #expect(shards.map(\.cells.count).sorted() == [2, 2, 2, 3, 3])
    let parts = shards.flatMap { names($0, block: 1) }
    #expect(parts.count == 12 && Set(parts) == Set(names(whole, block: 1)))
  }

  @Test func shardsOfSlurm() throws {
    func shard(_ id: Int, _ count: Int, _ first: Int, _ last: Int, step: Int? = nil) throws
      -> String
    {
      var environment = [
        "SLURM_ARRAY_TASK_ID": "\(id)", "SLURM_ARRAY_TASK_COUNT": "\(count)",
        "SLURM_ARRAY_TASK_MIN": "\(first)", "SLURM_ARRAY_TASK_MAX": "\(last)",
      ]
      if let step { environment["SLURM_ARRAY_TASK_STEP"] = "\(step)" }
      return try Shard("slurm", environment: environment).description
    }
    #expect(try shard(0, 4, 0, 3) == "1/4")
    #expect(try shard(4, 4, 1, 4) == "4/4")
    #expect(try shard(6, 3, 2, 6, step: 2) == "3/3")
    #expect(throws: InputError.self) { try shard(3, 3, 1, 17) }
    #expect(throws: InputError.self) { try Shard("slurm", environment: [:]) }
    // One task of an array, run again, is not the whole grid.
    #expect(throws: InputError.self) { try shard(3, 1, 3, 3) }
    let again = ["SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1"]
    #expect(try Shard("slurm/8", environment: again).description == "4/8")
    #expect(throws: InputError.self) { try Shard("slurm/3", environment: again) }
    for text in ["0/2", "slurm/0", "slurm/", "3/2", "1", "1/0", "-1/2", "a/b", "1/2/3", ""] {
      #expect(throws: InputError.self, "\(text)") { try Shard(text, environment: [:]) }
    }
  }

  @Test func slurmJobs() throws {
    func job(parts: Int, store: String = "/data/gqa.db") throws -> SlurmJob {
      try SlurmJob(
        spec: URL(fileURLWithPath: "/data/a b.yaml"), store: URL(fileURLWithPath: store),
        executable: URL(fileURLWithPath: "/bin/dyno"), parts: parts, cells: 12)
    }
    let script = try job(parts: 8).script
    #expect(script.contains("#SBATCH --array=0-7\n"))
    #expect(script.contains("/bin/dyno sweep '/data/a b.yaml'"))
    #expect(script.contains("--store /data/gqa-\"$SLURM_ARRAY_TASK_ID\".db --shard slurm/8\n"))
    for parts in [0, 13, -1] {
      #expect(throws: InputError.self, "\(parts)") { try job(parts: parts) }
    }
    #expect(try job(parts: 2, store: "/data/it's").script.contains("--store '/data/it'\\''s'-"))
  }
}
