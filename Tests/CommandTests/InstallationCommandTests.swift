import Foundation
import TestSupport
import Testing

/// What an installed executable brings: its version, its profiles, names for the shell.
@Suite struct InstallationCommandTests {
  private let command = CommandTests()

  @Test func version() throws {
    let outcome = try command.dyno("--version")
    #expect(outcome.code == 0)
    #expect(
      outcome.output.wholeMatch(
        of: /dyno \d+\.\d+\.\d+ \(commit ([0-9a-f]{40}|unknown)(, modified)?\)\n/) != nil,
      "\(outcome.output)")
  }

  /// A copy has no checkout above it, and no folder beside it.
  @Test func copiedExecutable() throws {
    try Files.withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent("dyno")
      try FileManager.default.copyItem(atPath: command.executable, toPath: copy.path)
      for arguments in [
        ["describe", "smollm2-135m"], ["predict", "llama-3.2-1b", "--device", "h200"],
        ["law", "predict", "panda-1b", "--law", "conditional-1b", "--tokens", "100B"],
      ] {
        let copied = try command.run(copy.path, arguments)
        let built = try command.dyno(arguments)
        #expect(copied.code == 0, "\(copied.errors)")
        #expect(copied.output == built.output)
      }
    }
  }

  @Test func profilesOfAFolder() throws {
    let missing = try command.dyno(
      "describe", "smollm2-135m", environment: ["DYNO_PROFILES": "/nowhere"])
    #expect(missing.code == 2)
    #expect(missing.errors.contains("DYNO_PROFILES"))
    try Files.withTemporaryFolder { folder in
      let architectures = folder.appendingPathComponent("architectures")
      try FileManager.default.createDirectory(at: architectures, withIntermediateDirectories: false)
      try FileManager.default.copyItem(
        at: Files.root.appendingPathComponent("profiles/architectures/smollm2-135m.json"),
        to: architectures.appendingPathComponent("mine.json"))
      let environment = ["DYNO_PROFILES": folder.path]
      #expect(try command.dyno("describe", "mine", environment: environment).code == 0)
      let other = try command.dyno("describe", "smollm2-135m", environment: environment)
      #expect(other.code == 2 && other.errors.contains("mine"))
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) throws {
    let outcome = try command.dyno("--generate-completion-script", shell)
    #expect(outcome.code == 0)
    #expect(outcome.output.contains("dyno"))
  }

  @Test func jobScriptOfASweep() throws {
    try Files.withTemporaryFolder { folder in
      let spec = folder.appendingPathComponent("grid.yaml")
      try Data("architectures: [smollm2-135m]\nbatch: [1, 2]\n".utf8).write(to: spec)
      let store = folder.appendingPathComponent("grid.db").path
      let script = try command.dyno("sweep", spec.path, "--store", store, "--sbatch", "3")
      #expect(script.code == 0 && script.output.hasPrefix("#!/bin/bash\n"), "\(script.errors)")
      #expect(script.output.contains("--array=0-2"))
      #expect(!FileManager.default.fileExists(atPath: store))
      let many = try command.dyno("sweep", spec.path, "--store", store, "--sbatch", "99")
      #expect(many.code == 2 && many.errors.contains("--sbatch"), "\(many.errors)")
      let single = try command.dyno(
        "sweep", spec.path, "--store", store, "--shard", "slurm",
        environment: [
          "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3",
          "SLURM_ARRAY_TASK_MAX": "3",
        ])
      #expect(single.code == 2 && single.errors.contains("whole grid"), "\(single.errors)")
    }
  }
}
