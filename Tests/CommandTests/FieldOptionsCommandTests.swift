import TestSupport
import Testing

/// Libraries name fields; what is printed names the options of the command that ran.
extension CommandTests {
  @Test(arguments: [
    (
      ["predict", "llama-3.2-1b", "--device", "a100-40gb", "--tensor-parallel", "3"],
      "--tensor-parallel"
    ),
    (["predict", "llama-3.2-1b", "--device", "a100-40gb", "--engine", "nosuch"], "--engine"),
    (["bench", "smollm2-135m", "--threads", "4096"], "--threads"),
    (
      ["law", "predict", "llama-3.2-1b", "--law", "chinchilla-hoffmann", "--scaling", "none"],
      "--scaling"
    ),
    (["law", "fit", "/nowhere.csv", "--form", "nosuch"], "--form"),
    (
      ["search", "--parameters", "llama-3.2-1b", "--gqa-losses", "x.csv", "--max-gqa", "2"],
      "--gqa-losses, --max-gqa"
    ),
    (
      ["search", "--parameters", "llama-3.2-1b", "--dtype", "q8_0", "--hidden-multiple", "16"],
      "--hidden-multiple"
    ),
    (["search", "--parameters", "llama-3.2-1b"], "--law"),
    // Nothing is renamed that is no option of the command, or that the user named.
    (["merge", ":memory:", "--into", "x.db"], "store"),
    (["predict", "engine", "--device", "a100-40gb"], "engine"),
  ])
  func fieldsAtFaultAreNamedAsOptions(arguments: [String], place: String) throws {
    let outcome = try dyno(arguments)
    #expect(outcome.code == 2)
    #expect(outcome.errors.hasPrefix("dyno: \(place): "), "\(outcome.errors)")
  }
}
