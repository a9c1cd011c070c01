import Foundation
import TestSupport
import Testing

/// What people read fits their page.
extension CommandTests {
  @Test(arguments: [80, 100, 160]) func tablesFit(columns: Int) throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let store = folder.appendingPathComponent("store.db").path
      let results = folder.appendingPathComponent("results.json")
      let bench = [
        "bench", config.path, "--prompt", "8", "--generate", "4", "--repetitions", "6",
      ]
      try dyno(bench + ["--output", "json"]).bytes.write(to: results)
      let predicted = ["llama-3.2-1b", "surefire-1b", "--device", "a100-40gb"]
      for command in [
        bench + ["--store", store],
        ["results", store], ["history", store],
        ["compare", results.path, results.path],
        ["describe", "llama-3.2-1b"],
        ["describe", "llama-3.2-1b", "surefire-1b", "panda-1b", "qwen3-0.6b", "smollm2-135m"],
        ["predict"] + predicted + ["--workload", "4096x1024", "--batch", "1,64", "--breakdown"],
        ["predict"] + predicted + ["--workload", "1024x64", "--concurrency", "1,8"],
        ["law", "predict", "panda-1b", "--law", "conditional-1b", "--tokens", "100B"],
        [
          "law", "optimum", "--law", "conditional-80m-297m", "--parameters", "1B", "--layers", "16",
        ],
        [
          "search", "--parameters", "llama-3.2-1b", "--tokens", "100B", "--law",
          "conditional-80m-297m", "--device", "a100-40gb", "--workload", "4096x1024", "--batch",
          "128", "--max-gqa", "9", "--hidden-multiple", "256", "--count", "3", "--target-loss",
          "llama-3.2-1b",
        ],
        ["host"],
      ] {
        let outcome = try dyno(command + ["--columns", "\(columns)"])
        #expect([0, 3].contains(outcome.code), "\(command): \(outcome.errors)")
        #expect(!outcome.output.isEmpty)
        for line in outcome.output.split(separator: "\n") {
          #expect(line.count <= columns, "\(command[0]): \(line)")
        }
      }
    }
  }

  @Test func pagesAreChecked() throws {
    let narrow = try dyno("describe", "smollm2-135m", "--columns", "10")
    #expect(narrow.code == 2)
    #expect(narrow.errors.contains("--columns"))
    #expect(narrow.errors.contains("at least 40"))
    let both = try dyno("describe", "smollm2-135m", "--columns", "80", "--wide")
    #expect(both.code == 2)
    #expect(both.errors.contains("--wide"))
  }
}
