import Foundation
import TestSupport
import Testing

extension CommandTests {
  @Test func comparisonsOfBadInput() throws {
    let bench = ["--", "bench", fixture("huggingface/qwen3"), "--prompt", "4"]
    func ab(_ arguments: String...) throws -> Outcome { try dyno(["ab"] + arguments + bench) }
    expectRefusal(try ab("--baseline", executable), "--candidate")
    expectRefusal(try ab("--baseline", executable, "--candidate", "/nowhere"), "/nowhere")
    expectRefusal(try ab("--baseline", "/bin/true", "--candidate", executable), "/bin/true")
    expectRefusal(
      try ab("--baseline", executable, "--candidate", executable, "--threshold", "5"), "5")
    expectRefusal(
      try dyno("ab", "--baseline", executable, "--candidate", executable, "--", "describe", "x"),
      "bench")
    expectRefusal(
      try dyno(
        "ab", "--baseline", executable, "--candidate", executable, "--", "bench", "no-such-model"),
      "no-such-model")
    expectRefusal(
      try ab("--baseline", executable, "--candidate", executable, "--write", "junit=/nowhere/x"),
      "/nowhere/x")
    expectRefusal(try dyno("compare", "/nowhere.json", "/nowhere.json"), "/nowhere.json")
    // What a comparison would measure and not keep, or not heed.
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("x.db").path
      for extra in [
        ["--store", store], ["--trace", store], ["--repetitions", "2"], ["--budget", "1s"],
        ["--precision", "1%"], ["--output", "json"],
      ] {
        expectRefusal(
          try dyno(["ab", "--baseline", executable, "--candidate", executable] + bench + extra),
          extra[0], "no effect in a comparison")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
    expectRefusal(try dyno("bench", "smollm2-135m", "--exact"), "--workload")
    expectRefusal(try dyno("bench", "smollm2-135m", "--workload", "5"), "--workload")
    expectRefusal(try dyno("bench", "smollm2-135m", "--budget", "60"), "--budget")
  }

  /// An older build knows no --serve; one that goes away is an internal error.
  @Test func childrenThatCannotBeCompared() throws {
    try Files.withTemporaryFolder { folder in
      func script(_ text: String) throws -> String {
        let file = folder.appendingPathComponent("dyno")
        try Data("#!/bin/sh\n\(text)\n".utf8).write(to: file)
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o755], ofItemAtPath: file.path)
        return file.path
      }
      func ab(_ text: String) throws -> Outcome {
        try dyno(
          "ab", "--baseline", executable, "--candidate", script(text), "--", "bench",
          fixture("huggingface/qwen3"), "--prompt", "4", "--generate", "0")
      }
      expectRefusal(
        try ab("echo \"dyno: Error: Unknown option '--serve'\" >&2; exit 2"), "older build")
      expectRefusal(try ab("echo nonsense"), "did not start")
      let outcome = try ab(
        "shift; '\(executable)' bench \"$@\" </dev/null; echo 'out of luck' >&2; exit 9")
      #expect(outcome.code == 70 && outcome.output.isEmpty)
      #expect(outcome.errors.contains("out of luck"), "\(outcome.errors)")
    }
  }

  @Test func buildsInTurns() throws {
    try Files.withTemporaryFolder { folder in
      let report = folder.appendingPathComponent("report.xml")
      let outcome = try dyno(
        "ab", "--baseline", executable, "--candidate", executable, "--budget", "1s", "--threshold",
        "50%", "--inject", "100%", "--inject-cell", "1", "--write", "junit=\(report.path)",
        "--output", "json", "--", "bench", fixture("huggingface/qwen3"), "--prompt", "8",
        "--generate", "2", "--threads", "1")
      #expect([1, 3].contains(outcome.code), "\(outcome.errors)")
      let record = try #require(
        try JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      let cells = try #require(record["cells"] as? [[String: Any]])
      #expect(cells.map { $0["test"] as? String } == ["pp8", "tg2"])
      #expect(cells.allSatisfy { ($0["samples"] as? Int ?? 0) > 0 })
      #expect(try String(contentsOf: report, encoding: .utf8).contains("<testsuites>"))
    }
  }

  @Test func theGateOnItself() throws {
    let outcome = try dyno(
      "ab", "--self-test", "--baseline", executable, "--budget", "1s", "--pool", "2s",
      "--comparisons", "20", "--output", "json", "--", "bench", fixture("huggingface/qwen3"),
      "--prompt", "8", "--generate", "2", "--threads", "1")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let record = try #require(
      try JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
    #expect((record["false_alarms"] as? [String: Any])?["trials"] as? Int == 20)
    #expect(record["pool_pairs_per_cell"] as? Int ?? 0 > 0)
  }

  @Test func resultSetsFromFiles() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("set.json")
      let bench = try dyno(
        "bench", fixture("huggingface/qwen3"), "--prompt", "16", "--generate", "4",
        "--repetitions", "2", "--output", "json")
      try bench.bytes.write(to: file)
      let same = try dyno("compare", file.path, file.path)
      #expect(same.code == 0 && same.output.contains("no change"), "\(same.errors)")
      try bench.bytes.prefix(bench.bytes.count / 2).write(to: file)
      expectRefusal(try dyno("compare", file.path, file.path), file.path)
    }
  }
}
