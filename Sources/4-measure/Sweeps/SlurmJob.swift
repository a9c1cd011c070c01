import Foundation
import Input

/// The script of a Slurm job array that measures a sweep in parts, each into a store of its own.
public struct SlurmJob: Sendable {
  public let spec: URL
  /// What the parts' stores are called after: `gqa.db` becomes `gqa-0.db` and so on.
  public let store: URL
  public let executable: URL
  public let parts: Int

  /// - Parameter cells: how many the sweep has; a part without any would wait for a node for nothing.
  /// - Throws: `InputError` where there are more parts than cells.
  public init(spec: URL, store: URL, executable: URL, parts: Int, cells: Int) throws {
    guard (1...max(1, cells)).contains(parts) else {
      throw InputError(
        "sbatch", problem: "is \(parts)", expected: "1 to \(cells), as many as cells")
    }
    self.spec = spec.absoluteURL
    self.store = store.absoluteURL
    self.executable = executable.absoluteURL
    self.parts = parts
  }

  /// Every task names the whole array's size, so that some of its tasks, run again, are the same parts.
  /// The shell becomes the sweep, which Slurm's warning then reaches: it ends between two cells.
  public var script: String {
    let name = store.deletingPathExtension().lastPathComponent
    let parts = store.deletingPathExtension().path
    let suffix = store.pathExtension.isEmpty ? "" : "." + store.pathExtension
    return """
      #!/bin/bash
      #SBATCH --job-name=\(Self.directive(name))
      #SBATCH --array=0-\(self.parts - 1)
      #SBATCH --exclusive
      #SBATCH --requeue
      #SBATCH --signal=B:TERM@60
      # Tasks that did not finish: sbatch --array=3,5 with this script. When all have:
      # \(Self.quoted(executable.path)) merge \(Self.quoted(parts))-*\(suffix) --into \(Self.quoted(store.path))
      exec \(Self.quoted(executable.path)) sweep \(Self.quoted(spec.path)) \\
        --store \(Self.quoted(parts))-"$SLURM_ARRAY_TASK_ID"\(suffix) --shard slurm/\(self.parts)

      """
  }

  /// A word of a shell, whatever it holds.
  private static func quoted(_ text: String) -> String {
    let plain = text.allSatisfy { $0.isLetter || $0.isNumber || "/._-".contains($0) }
    return plain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
  }

  /// A word of a directive, which sbatch splits at spaces.
  private static func directive(_ text: String) -> String {
    String(text.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "-" })
  }
}
