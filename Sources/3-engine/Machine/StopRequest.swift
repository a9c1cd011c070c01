import Foundation
import Synchronization

/// Whether the user, or the system, asked the process to end (SIGINT, SIGTERM, SIGHUP).
public enum StopRequest {
  private static let received = Atomic<Int32>(0)

  /// From now on these signals only leave a note; a second one ends the process. Those that are
  /// ignored, as `nohup` has it, stay so.
  public static func watch() {
    // The handler may only touch what exists already.
    received.store(0, ordering: .relaxed)
    for signal in [SIGINT, SIGTERM, SIGHUP] {
      var before = sigaction()
      sigaction(signal, nil, &before)
      let ignored = unsafeBitCast(SIG_IGN, to: Int.self)
      if unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) == ignored { continue }
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { StopRequest.received.store($0, ordering: .relaxed) }
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
      sigaction(signal, &action, nil)
    }
  }

  /// The signal that asked for it.
  public static var signal: Int32? {
    let signal = received.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }
}
