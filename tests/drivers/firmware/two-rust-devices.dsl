// Two devices with the id that four of the Rust samples claim.
DefinitionBlock ("", "SSDT", 2, "RSTBED", "TWODEVS", 0x00000001)
{
    Scope (\_SB)
    {
        Device (RBD0)
        {
            Name (_HID, "LNUXBEEF")
            Name (_UID, 1)
        }

        Device (RBD1)
        {
            Name (_HID, "LNUXBEEF")
            Name (_UID, 2)
        }
    }
}
