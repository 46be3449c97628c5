# Programs that test and measure TCP on the target.
