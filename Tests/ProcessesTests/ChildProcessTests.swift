import Foundation
import Machine
import Processes
import Testing

@Suite struct ChildProcessTests {
  private func shell(_ script: String, limit: Int = 1 << 20) throws -> ChildProcess {
    try ChildProcess(
      executable: "/bin/sh", arguments: ["-c", script], limits: .init(output: limit))
  }

  private func silence(_ child: ChildProcess, within seconds: Double) -> ChildProcess.Silence? {
    #expect(throws: ChildProcess.Silence.self) { try child.line(within: seconds) }
  }

  /// A signal does its work in its own time, and what remains of a process stays until whoever
  /// adopted it looks.
  private func ends(_ process: pid_t, within seconds: Double) -> Bool {
    for _ in 0..<Int(seconds / 0.01) {
      let state = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
      if state.map({ $0.contains(") Z ") || $0.contains(") X ") }) ?? true { return true }
      usleep(10_000)
    }
    return false
  }

  @Test func answersLineByLine() throws {
    let child = try shell("while read -r line; do echo \"got $line\"; done; exit 7")
    for word in ["one", "two"] {
      try child.send(word + "\n", within: 10)
      #expect(try child.line(within: 10) == "got \(word)")
    }
    #expect(try child.finish(within: 10) == .exited(7))
  }

  @Test func keepsTheEndOfComplaints() throws {
    let child = try shell(
      "i=0; while [ $i -lt 20000 ]; do echo \"complaint $i\" >&2; i=$((i+1)); done; kill -KILL $$")
    #expect(try child.finish(within: 60) == .signalled(SIGKILL))
    #expect(child.complaints.hasSuffix("complaint 19999\n"))
    #expect(child.complaints.utf8.count <= 2 * 65536)
  }

  @Test func givesUpOnSilence() throws {
    let child = try shell("sleep 100")
    #expect(silence(child, within: 0.2) == .tooLong)
  }

  @Test func givesUpOnFloods() throws {
    let child = try shell("while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")
    #expect(silence(child, within: 60) == .endlessLine)
    #expect(child.outputData.count == 1 << 20 && child.wroteTooMuch)
  }

  @Test func givesUpOnChildrenThatDoNotRead() throws {
    let child = try shell("sleep 100")
    let error = #expect(throws: ChildProcess.Silence.self) {
      try child.send(String(repeating: "x", count: 8 << 20), within: 0.2)
    }
    #expect(error == .tooLong)
  }

  /// Also one that ignores the request, and whatever it started.
  @Test func childrenEndWhenTold() throws {
    let child = try shell("trap '' TERM; sleep 100 & echo $!; while :; do sleep 0.05; done")
    let grandchild = try #require(pid_t(try child.line(within: 10)))
    #expect(try child.finish(within: 0.2) == .signalled(SIGKILL))
    #expect(ends(grandchild, within: 10))
  }

  /// One that is stopped and goes on is as good as any; one that stays stopped is not waited for.
  @Test func stoppedChildren() throws {
    let child = try shell("kill -STOP $$; echo on; read -r line; exit 7")
    var said: String?
    for _ in 0..<200 where said == nil {
      kill(child.identifier, SIGCONT)
      said = try? child.line(within: 0.05)
    }
    #expect(said == "on")
    #expect(try child.finish(within: 10) == .exited(7))
    let stopped = try shell("kill -STOP $$")
    #expect(try stopped.finish(within: 0.2) == .signalled(SIGKILL))
  }

  /// Writing to a child that is gone is an error, whatever the process does with signals.
  @Test func childrenThatAreGone() throws {
    var before = sigaction()
    sigaction(SIGPIPE, nil, &before)
    let child = try shell("exit 0")
    #expect(silence(child, within: 10) == .ended)
    _ = try child.poll(milliseconds: 100)
    let error = #expect(throws: ChildProcess.Silence.self) {
      for _ in 0..<100 { try child.send("more\n", within: 1) }
    }
    #expect(error == .ended)
    var after = sigaction()
    sigaction(SIGPIPE, nil, &after)
    #expect(
      unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self)
        == unsafeBitCast(after.__sigaction_handler.sa_handler, to: Int.self))
  }

  @Test func filesWithoutNames() throws {
    let child = try ChildProcess(
      executable: "/bin/sh", arguments: ["-c", "cat /dev/fd/3"],
      file: .holding("what it holds\n"), limits: .init(output: 1000))
    #expect(try child.finish(within: 10) == .exited(0))
    #expect(String(decoding: child.outputData, as: UTF8.self) == "what it holds\n")
  }

  @Test func programsThatAreNone() {
    let error = #expect(throws: HostError.self) {
      try ChildProcess(executable: "/nowhere", arguments: [], limits: .init(output: 1))
    }
    #expect("\(error!)".contains("/nowhere"))
  }
}
